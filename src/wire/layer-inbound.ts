import type { Observer } from 'rxjs';
import type { Up } from './signal.ts';
import type { UpTarget } from './up-target.ts';

/** The inbound half of a layer's connection: what the wire below and the layer report to it. */
export interface InboundTarget {
  receive(signal: Up): void;
  wireFailed(error: unknown): void;
  wireCompleted(): void;
  readonly hasUpEnded: boolean;
  emit(signal: Up): void;
  fail(error: unknown): void;
  finish(): void;
}

/** What the wire below calls. */
export class LayerInbound implements Observer<Up> {
  readonly #connection: InboundTarget;

  constructor(connection: InboundTarget) {
    this.#connection = connection;
  }

  next(signal: Up): void {
    this.#connection.receive(signal);
  }

  error(error: unknown): void {
    this.#connection.wireFailed(error);
  }

  complete(): void {
    this.#connection.wireCompleted();
  }
}

/** What the layer calls as `context.up`. */
export class LayerOutput implements UpTarget {
  readonly #connection: InboundTarget;

  constructor(connection: InboundTarget) {
    this.#connection = connection;
  }

  get closed(): boolean {
    return this.#connection.hasUpEnded;
  }

  next(signal: Up): void {
    this.#connection.emit(signal);
  }

  error(error: unknown): void {
    this.#connection.fail(error);
  }

  complete(): void {
    this.#connection.finish();
  }
}
