import type { Observer, Unsubscribable } from 'rxjs';
import { direct } from './direct.ts';
import { NodeConnection } from './node-connection.ts';
import { markNodeStream } from './node-stream-wires.ts';
import type { Open } from './open-stream.ts';
import type { Up, Wire } from './signal.ts';
import type { UpTarget } from './up-target.ts';

/**
 * Creates a wire from a function that opens a Node stream. The stream is freed however the connection ends.
 *
 * Sets `allowHalfOpen` on the stream, because a half-close must never close the other direction. Changes no other option.
 *
 * @param open called at each subscription.
 */
export function nodeWire(open: Open): Wire {
  return markNodeStream((dial) =>
    direct((observer) => {
      const up = new DirectUp(observer);
      const connection = new NodeConnection(dial, up, observer, (target) => open(dial, target));
      up.connection = connection;
      return connection;
    }),
  );
}

/** Does what the subscriber of an Observable does: passes signals until the end, then frees the connection. */
class DirectUp implements UpTarget {
  readonly #observer: Observer<Up>;
  connection: Unsubscribable | undefined;
  closed = false;

  constructor(observer: Observer<Up>) {
    this.#observer = observer;
  }

  next(signal: Up): void {
    if (!this.closed) this.#observer.next(signal);
  }

  error(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.#observer.error(error);
    this.connection?.unsubscribe();
  }

  complete(): void {
    if (this.closed) return;
    this.closed = true;
    this.#observer.complete();
    this.connection?.unsubscribe();
  }
}
