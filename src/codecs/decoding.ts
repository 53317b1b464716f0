import { Observable, type OperatorFunction } from 'rxjs';
import { inlet } from '../wire/operate.ts';

/** What turns the bytes of one stream into messages, one by one: what is not asked for is not made. */
export interface Decoder<T> {
  /** Takes a chunk and gives the messages that end in it. A throw comes after all messages before it. */
  push(bytes: Uint8Array): Iterable<T>;
  /** The bytes end: gives what is left, or throws if that was cut off. */
  finish(): Iterable<T>;
  /** Called once, however it ends. */
  free?(): void;
}

/**
 * Makes an operator of a decoder. Bytes that come from inside `next` wait for their turn, on the same stack.
 *
 * @param make makes the decoder; called at each subscription.
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
      const bytes$ = inlet<Uint8Array>({
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
        fail: (error) => out.error(error),
      });
      out.add(bytes$);
      out.add(() => decoder.free?.());
      source$.subscribe(bytes$);
    });
}

/** A view that is no Buffer: else it would hang on how the bytes were cut whether a frame is one. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
