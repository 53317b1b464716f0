import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { guardedSubscriber, type GuardedObserver } from '../util/guarded-subscriber.ts';
import { plainView } from '../util/plain-view.ts';
import type { Decoder } from './decoder.ts';

/**
 * Creates an operator from a decoder. Bytes that arrive from inside `next` are queued, and decoded without recursion.
 *
 * @param create creates the decoder. Called at each subscription.
 */
export function decodeWith<T>(create: () => Decoder<T>): OperatorFunction<Uint8Array, T> {
  return (source$) =>
    new Observable((out) => {
      const decoder = create();
      const bytes$ = guardedSubscriber<Uint8Array>(new DecodingObserver(decoder, out));
      out.add(bytes$);
      out.add(() => decoder.free?.());
      source$.subscribe(bytes$);
    });
}

/** Passes bytes to a decoder, and emits its messages. A class, because closures would take more memory for each connection. */
class DecodingObserver<T> implements GuardedObserver<Uint8Array> {
  readonly #decoder: Decoder<T>;
  readonly #out: Subscriber<T>;
  readonly #queue: Uint8Array[] = [];
  #isDecoding = false;
  /** Ends the output after the queue has been decoded. */
  #end: (() => void) | undefined;

  constructor(decoder: Decoder<T>, out: Subscriber<T>) {
    this.#decoder = decoder;
    this.#out = out;
  }

  next(bytes: Uint8Array): void {
    this.#queue.push(plainView(bytes)); // With a Buffer, the class of a frame would depend on the chunk boundaries.
    this.#decodeQueue();
  }

  error(error: unknown): void {
    this.#end = () => this.#out.error(error);
    this.#decodeQueue();
  }

  complete(): void {
    this.#end = () => {
      this.#emit(this.#decoder.finish());
      this.#out.complete();
    };
    this.#decodeQueue();
  }

  /** Called with what the decoder or a subscriber throws. */
  caught(error: unknown): void {
    this.#out.error(error);
  }

  #decodeQueue(): void {
    if (this.#isDecoding) return;
    this.#isDecoding = true;
    for (let bytes = this.#queue.shift(); bytes && !this.#out.closed; bytes = this.#queue.shift()) this.#emit(this.#decoder.push(bytes));
    this.#isDecoding = false;
    this.#end?.();
  }

  #emit(messages: Iterable<T>): void {
    for (const message of messages) {
      this.#out.next(message);
      if (this.#out.closed) break;
    }
  }
}
