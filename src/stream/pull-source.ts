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

/** Pulls one chunk at a time while the stream is not blocked. Returns a function that stops, and calls the iterator's `return`. */
export function pullSource(
  source: Pulled,
  writes: WriteSide,
  write: (data: Writable) => void,
  finish: () => void,
  fail: (error: unknown) => void,
): () => void {
  const iterator = iteratorOf(source);
  const state = { stopped: false, running: false, isReturnDue: true };
  const isStopped = (): boolean => state.stopped;
  const onEnded = (error: unknown): never => {
    state.isReturnDue = false; // An iterator whose `next` throws has ended: `return` is not due.
    throw error;
  };
  const request = (): IteratorResult<Writable> | Promise<IteratorResult<Writable>> => {
    try {
      const requested = iterator.next();
      return 'then' in requested ? requested.catch(onEnded) : requested;
    } catch (error) {
      return onEnded(error);
    }
  };
  const run = async (): Promise<void> => {
    if (state.running || state.stopped) return;
    state.running = true;
    try {
      while (!writes.blocked) {
        // Synchronous results are not awaited, so that a plain iterable also works in virtual time.
        const requested = request();
        const result = 'then' in requested ? await requested : requested;
        if (isStopped()) return;
        if (result.done) {
          state.isReturnDue = false;
          finish();
          return;
        }
        write(result.value);
      }
    } catch (error) {
      state.stopped = true;
      fail(error);
    } finally {
      state.running = false;
    }
  };
  const unblocked = writes.blocked$.subscribe((blocked) => {
    if (!blocked) void run();
  });
  return () => {
    state.stopped = true;
    unblocked.unsubscribe();
    // Releases the source. Errors of `return()` are ignored: no observer is left.
    if (state.isReturnDue) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
}
