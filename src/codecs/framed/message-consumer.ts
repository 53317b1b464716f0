import type { ObservableInput, Subscriber } from 'rxjs';
import { ActiveHandlers } from '../../stream/active-handlers.ts';
import { endReader, type ReadEnd } from '../../stream/read-end.ts';

/** The reader behind `consume`. It handles messages one by one, and ends when the last one has been handled. */
export class MessageConsumer<T, R> {
  readonly #out: Subscriber<R>;
  readonly #handlers: ActiveHandlers<T, R>;
  #end: ReadEnd | undefined;

  /** @param onReady called when the next message may be handled. */
  constructor(out: Subscriber<R>, handle: (message: T) => ObservableInput<R>, concurrency: number, onReady: () => void) {
    this.#out = out;
    this.#handlers = new ActiveHandlers(out, handle, concurrency, () => {
      if (this.#end) this.end(this.#end);
      else onReady();
    });
  }

  get isBusy(): boolean {
    return this.#end !== undefined || this.#handlers.isFull;
  }

  /** Whether a message is being handled. */
  get isHandling(): boolean {
    return !this.#handlers.isIdle;
  }

  next(message: T): void {
    this.#handlers.start(message);
  }

  end(end: ReadEnd): void {
    this.#end = end;
    if (this.#handlers.isIdle || end.unsubscribed) endReader(this.#out, end);
  }
}
