import type { Observer } from 'rxjs';
import type { Writable } from './bytes.ts';
import type { Pulled } from './send-source.ts';
import type { WriteSide } from './write-side.ts';

/**
 * Returns the iterator of a source. Its `return` calls `cancel` of a Web stream, or `destroy` of a `Readable`. The `return` of an
 * async generator would have no effect while `next` is pending.
 */
function iteratorOf(source: Pulled): Iterator<Writable> | AsyncIterator<Writable> {
  const { getReader, destroy } = source as { getReader?: () => WebReader; destroy?: () => unknown };
  if (typeof getReader === 'function') {
    const reader = getReader.call(source);
    return { next: () => reader.read(), return: async () => ({ done: true, value: await reader.cancel() }) };
  }
  const iterable = source as Iterable<Writable> | AsyncIterable<Writable>;
  const iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
  if (typeof destroy !== 'function') return iterator;
  return {
    next: () => iterator.next() as Promise<IteratorResult<Writable>>,
    return: () => Promise.resolve({ done: true, value: destroy.call(source) }),
  };
}

/** The part of a Web stream's reader that `send` uses. */
interface WebReader {
  read(): Promise<IteratorResult<Writable>>;
  cancel(): Promise<unknown>;
}

/**
 * Pulls one chunk at a time while the stream is not blocked.
 *
 * @param sink gets the chunks, and the end of the source or its error.
 * @returns a function that stops, and calls the iterator's `return`.
 */
export function pullSource(source: Pulled, writes: WriteSide, sink: Observer<Writable>): () => void {
  const iterator = iteratorOf(source);
  let isRunning = false;
  let isStopped = false;
  const wasStopped = (): boolean => isStopped;
  let isWaiting = false;
  let hasEnded = false;
  const run = async (): Promise<void> => {
    if (isRunning || isStopped) return;
    isRunning = true;
    try {
      while (!writes.blocked) {
        isWaiting = true;
        // Synchronous results are not awaited, so that a plain iterable also works in virtual time.
        const requested = iterator.next();
        const result = 'then' in requested ? await requested : requested;
        isWaiting = false;
        if (wasStopped()) return;
        if (result.done) {
          hasEnded = true;
          sink.complete();
          return;
        }
        sink.next(result.value);
      }
    } catch (error) {
      hasEnded ||= isWaiting; // An iterator whose `next` throws has ended: `return` is not due.
      isStopped = true;
      sink.error(error);
    } finally {
      isRunning = false;
    }
  };
  const unblocked = writes.blocked$.subscribe((blocked) => {
    if (!blocked) void run();
  });
  return () => {
    isStopped = true;
    unblocked.unsubscribe();
    // Releases the source. Errors of `return()` are ignored: no observer is left.
    if (!hasEnded) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
}
