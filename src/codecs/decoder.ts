import { Observable, type OperatorFunction } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';

/** Converts the bytes of one stream to messages. Lazy: a message is decoded when the iterator requests it. */
export interface Decoder<T> {
  /** Returns the messages that end in a chunk. An error is thrown after all messages before it. */
  push(bytes: Uint8Array): Iterable<T>;
  /** Called when the bytes end. Returns the remaining messages, or throws if the last one is truncated. */
  finish(): Iterable<T>;
  /** Called once, however the subscription ends. */
  free?(): void;
}

/**
 * Creates an operator from a decoder. Bytes that arrive from inside `next` are queued, and decoded without recursion.
 *
 * @param make creates the decoder. Called at each subscription.
 */
export function decoding<T>(make: () => Decoder<T>): OperatorFunction<Uint8Array, T> {
  return (source$) =>
    new Observable((out) => {
      const decoder = make();
      const waiting: Uint8Array[] = [];
      let end: (() => void) | undefined;
      let busy = false;
      const give = (messages: Iterable<T>): void => {
        for (const message of messages) {
          out.next(message);
          if (out.closed) break;
        }
      };
      const run = (): void => {
        if (busy) return;
        busy = true;
        for (let bytes = waiting.shift(); bytes && !out.closed; bytes = waiting.shift()) give(decoder.push(bytes));
        busy = false;
        end?.();
      };
      const bytes$ = guardedSubscriber<Uint8Array>({
        next: (bytes) => {
          waiting.push(plain(bytes));
          run();
        },
        error: (error: unknown) => {
          end = () => out.error(error);
          run();
        },
        complete: () => {
          end = () => {
            give(decoder.finish());
            out.complete();
          };
          run();
        },
        caught: (error) => out.error(error),
      });
      out.add(bytes$);
      out.add(() => decoder.free?.());
      source$.subscribe(bytes$);
    });
}

/** Returns a plain `Uint8Array` view. With a Buffer, the class of a frame would depend on the chunk boundaries. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
