import type { Subscriber } from 'rxjs';
import type { Connection } from '../stream/connection.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import { RelayDirection, type RelayObserver } from './relay-direction.ts';
import { endedTooEarly, withSide } from './relay-error.ts';
import type { RelayProgress } from './relay-progress.ts';

/** One subscription of a relay: starts both directions, and completes, fails or resets them together. */
export class RelaySubscription implements RelayObserver {
  readonly #a: Connection;
  readonly #b: Connection;
  readonly #subscriber: Subscriber<RelayProgress>;
  readonly #aToB: RelayDirection;
  readonly #bToA: RelayDirection;
  /** Both streams have ended, or were reset: there is nothing to reset any more. */
  #hasEnded = false;
  /** The stream that failed first, while its bytes are still being forwarded. */
  #firstFailure: { readonly connection: Connection; readonly error: unknown } | undefined;

  constructor(a: Connection, b: Connection, subscriber: Subscriber<RelayProgress>) {
    this.#a = a;
    this.#b = b;
    this.#subscriber = subscriber;
    this.#aToB = new RelayDirection(a, b, this);
    this.#bToA = new RelayDirection(b, a, this);
  }

  start(): void {
    const subscriber = this.#subscriber;
    const directions = [this.#aToB, this.#bToA];
    for (const direction of directions) {
      const side = this.#sideOf(direction.source);
      const detach = direction.source.reads.attach(direction);
      if (!detach) {
        subscriber.error(new TypeError(`expected \`${side}\` to have no other reader, got one with a consume() or iteration`));
        return;
      }
      // Attached as long as the relay lives: it handles the error of the stream.
      subscriber.add(detach);
    }
    subscriber.add(() => this.#resetBoth());
    for (const direction of directions) {
      const { source } = direction;
      if (!source.lifetime.isActive && !isEndedByPeer(source)) this.fail(source, source.lifetime.end?.error);
      subscriber.add(source.lifetime.closing$.subscribe((end) => this.#onClosing(direction, end)));
    }
    this.onProgress();
    for (const direction of directions) if (!subscriber.closed) subscriber.add(direction.start());
  }

  // Called by the directions

  onProgress(): void {
    this.#subscriber.next({ aToB: this.#aToB.sent, bToA: this.#bToA.sent });
  }

  onEnd(): void {
    if (!this.#aToB.isDone || !this.#bToA.isDone || this.#a.lifetime.state !== 'closed' || this.#b.lifetime.state !== 'closed') return;
    this.#hasEnded = true;
    this.#subscriber.complete();
  }

  fail(connection: Connection, error: unknown = endedTooEarly(isEndedByPeer(connection))): void {
    if (this.#hasEnded) return;
    const first = this.#firstFailure ?? { connection, error };
    const relayError = withSide(first.error, this.#sideOf(first.connection));
    this.#resetBoth(relayError);
    this.#subscriber.error(relayError);
  }

  // Called by the streams

  #onClosing(direction: RelayDirection, end: ReadEnd): void {
    const connection = direction.source;
    if ('error' in end) connection.errors.markHandled();
    // The owner of the stream has unsubscribed: be silent here too. Unsubscribing resets both streams.
    if (end.unsubscribed) this.#subscriber.unsubscribe();
    // By `close`, `reset` or a signal: fail at once, without the bytes that have not been read.
    else if (connection.lifetime.state === 'closing') this.fail(connection, end.error);
    else if (!('error' in end)) this.onEnd();
    else if (this.#firstFailure) this.fail(connection);
    else {
      this.#firstFailure = { connection, error: end.error };
      (direction === this.#aToB ? this.#bToA : this.#aToB).stop();
      direction.onSourceFailed();
    }
  }

  #resetBoth(cause?: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#a.closing.reset(cause);
    this.#b.closing.reset(cause);
  }

  #sideOf(connection: Connection): 'a' | 'b' {
    return connection === this.#a ? 'a' : 'b';
  }
}

/** Whether a stream has closed by itself after its peer's FIN. Its buffered bytes can still be read. */
function isEndedByPeer(connection: Connection): boolean {
  return connection.lifetime.report?.by === 'peer';
}
