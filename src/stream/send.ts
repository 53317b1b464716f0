import { isObservable, Observable } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { inlet } from '../wire/operate.ts';
import { inWords, toBytes, type Writable } from './bytes.ts';
import type { ReadEnd } from './read-side.ts';
import { Share } from './share.ts';
import type { SendLine } from './send-line.ts';
import type { WriteSide } from './write-side.ts';

/** What `IOStream.send` takes: pulled one chunk at a time, but for an Observable, which pushes. */
export type SendSource = Iterable<Writable> | AsyncIterable<Writable> | Observable<Writable>;

/** What {@link send} needs of its stream. */
export interface SendPort {
  readonly writes: WriteSide;
  /** The stream takes no more writes. */
  readonly isClosed: boolean;
  /** Tells once when the stream closes. */
  readonly closing$: Observable<ReadEnd>;
  /** Where it waits for those before. */
  readonly sends: SendLine;
}

const closed = (): IOStreamError =>
  new IOStreamError(ECLOSED, {
    phase: 'write',
    message: 'expected an open stream to send to, it is closed; not all of the source was sent',
  });

/** See `IOStream.send`. */
export function send(port: SendPort, source: SendSource): Observable<number> {
  if (!isSource(source))
    throw new TypeError(`expected an iterable, async iterable, Readable, Web stream or Observable to send, got ${inWords(source)}`);
  return new Observable((out) => {
    if (port.isClosed) {
      out.error(closed());
      return;
    }
    const { writes } = port;
    const share = new Share(writes);
    /** What we told to have left. */
    let sent = 0;
    let exhausted = false;
    const waiter = {
      left(): void {
        const now = share.left();
        if (now > sent) out.next((sent = now));
        if (exhausted && !share.waits) out.complete();
      },
    };
    const put = (data: Writable): void => {
      const bytes = toBytes(data, 'each chunk of the source');
      const error = writes.accept(bytes);
      if (error) throw error;
      share.add(bytes.length);
    };
    const leave = port.sends.join((through) => {
      const finish = (): void => {
        exhausted = true;
        through();
        waiter.left();
      };
      out.add(writes.wait(waiter));
      const fail = (error: unknown): void => out.error(error);
      try {
        if (isObservable(source)) {
          const chunk$ = inlet<Writable>({ next: put, error: fail, complete: finish, fail });
          out.add(chunk$);
          source.subscribe(chunk$);
        } else out.add(pull(source, writes, put, finish, fail));
      } catch (error) {
        fail(error); // The source cannot be begun: those behind it in the line are not to wait for it.
      }
    });
    out.add(leave);
    out.add(port.closing$.subscribe((end) => out.error('error' in end ? end.error : closed())));
  });
}

function isSource(source: unknown): boolean {
  // A string or view of bytes is iterable too, but not by chunks.
  return (
    typeof source === 'object' &&
    source !== null &&
    !ArrayBuffer.isView(source) &&
    (isObservable(source) || Symbol.asyncIterator in source || Symbol.iterator in source || 'getReader' in source)
  );
}

/** Waiting for its next chunk, a generator does not hear `return` before it came: streams are let go by their own means. */
function iteratorOf(source: Iterable<Writable> | AsyncIterable<Writable>): Iterator<Writable> | AsyncIterator<Writable> {
  const { getReader, destroy } = source as { getReader?: () => WebReader; destroy?: () => unknown };
  if (typeof getReader === 'function') {
    const reader = getReader.call(source);
    return { next: () => reader.read(), return: async () => ({ done: true, value: await reader.cancel() }) };
  }
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  if (typeof destroy !== 'function') return iterator;
  return {
    next: () => iterator.next() as Promise<IteratorResult<Writable>>,
    return: () => Promise.resolve({ done: true, value: destroy.call(source) }),
  };
}

/** What we need of a reader of a Web stream. */
interface WebReader {
  read(): Promise<IteratorResult<Writable>>;
  cancel(): Promise<unknown>;
}

/** Pulls one chunk at a time while the stream is not blocked; returns the way to stop, which also returns the iterator. */
function pull(
  source: Iterable<Writable> | AsyncIterable<Writable>,
  writes: WriteSide,
  put: (data: Writable) => void,
  finish: () => void,
  fail: (error: unknown) => void,
): () => void {
  const iterator = iteratorOf(source);
  const state = { stopped: false, running: false, owed: true };
  const isStopped = (): boolean => state.stopped;
  const ended = (error: unknown): never => {
    state.owed = false; // What throws when it is asked is over.
    throw error;
  };
  const ask = (): IteratorResult<Writable> | Promise<IteratorResult<Writable>> => {
    try {
      const asked = iterator.next();
      return 'then' in asked ? asked.catch(ended) : asked;
    } catch (error) {
      return ended(error);
    }
  };
  const run = async (): Promise<void> => {
    if (state.running || state.stopped) return;
    state.running = true;
    try {
      while (!writes.blocked) {
        // Values are not awaited: a plain iterable is pulled in virtual time, too.
        const asked = ask();
        const result = 'then' in asked ? await asked : asked;
        if (isStopped()) return;
        if (result.done) {
          state.owed = false;
          finish();
          return;
        }
        put(result.value);
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
    // What the source still holds is let go; what that goes wrong has nobody left to be told to.
    if (state.owed) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
}
