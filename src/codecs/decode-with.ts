import { Observable, type OperatorFunction } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
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
      const queue: Uint8Array[] = [];
      let end: (() => void) | undefined;
      let isDecoding = false;
      const emit = (messages: Iterable<T>): void => {
        for (const message of messages) {
          out.next(message);
          if (out.closed) break;
        }
      };
      const decodeQueue = (): void => {
        if (isDecoding) return;
        isDecoding = true;
        for (let bytes = queue.shift(); bytes && !out.closed; bytes = queue.shift()) emit(decoder.push(bytes));
        isDecoding = false;
        end?.();
      };
      const bytes$ = guardedSubscriber<Uint8Array>({
        next: (bytes) => {
          queue.push(plainView(bytes));
          decodeQueue();
        },
        error: (error: unknown) => {
          end = () => out.error(error);
          decodeQueue();
        },
        complete: () => {
          end = () => {
            emit(decoder.finish());
            out.complete();
          };
          decodeQueue();
        },
        caught: (error) => out.error(error),
      });
      out.add(bytes$);
      out.add(() => decoder.free?.());
      source$.subscribe(bytes$);
    });
}

/** Returns a plain `Uint8Array` view. With a Buffer, the class of a frame would depend on the chunk boundaries. */
function plainView(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
