import { isObservable, Observable } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { inlet } from '../wire/operate.ts';
import { inWords, toBytes, type Writable } from './bytes.ts';
import type { WriteSide } from './write-side.ts';

/** What `IOStream.send` takes: pulled one chunk at a time, but for an Observable, which pushes. */
export type SendSource = Iterable<Writable> | AsyncIterable<Writable> | Observable<Writable>;

/** What {@link send} needs of its stream. */
export interface SendPort {
  readonly writes: WriteSide;
  /** The stream takes no more writes. */
  readonly isClosed: boolean;
  /** Tells once when the stream closes. */
  readonly closing$: Observable<unknown>;
  /** The end of the line: resolves when all sends before are through, and makes the next wait for this one. */
  queueUp(turn: () => void): () => void;
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
    let sent = 0;
    const { writes } = port;
    /** Ends of the chunks that have not left yet, and their lengths. */
    const chunks: { end: number; length: number }[] = [];
    let exhausted = false;
    const waiter = {
      position: 0,
      left(): void {
        const before = sent;
        for (let chunk = chunks[0]; chunk && Math.min(chunk.end, writes.accepted) <= writes.left; chunk = chunks[0]) {
          sent += chunk.length;
          chunks.shift();
        }
        if (sent > before) out.next(sent);
        if (exhausted && chunks.length === 0) out.complete();
      },
    };
    const put = (data: Writable): void => {
      const bytes = toBytes(data, 'each chunk of the source');
      const error = writes.accept(bytes);
      if (error) throw error;
      if (bytes.length > 0) chunks.push({ end: writes.accepted, length: bytes.length });
    };
    const finish = (): void => {
      exhausted = true;
      leave();
      waiter.left();
    };
    const leave = port.queueUp(() => {
      out.add(writes.wait(waiter));
      const fail = (error: unknown): void => out.error(error);
      if (!isObservable(source)) {
        out.add(pull(source, writes, put, finish, fail));
        return;
      }
      const chunk$ = inlet<Writable>({ next: put, error: fail, complete: finish }, fail);
      out.add(chunk$);
      source.subscribe(chunk$);
    });
    out.add(leave);
    out.add(port.closing$.subscribe(() => out.error(closed())));
  });
}

function isSource(source: unknown): boolean {
  // A string or view of bytes is iterable too, but not by chunks.
  return (
    typeof source === 'object' &&
    source !== null &&
    !ArrayBuffer.isView(source) &&
    (isObservable(source) || Symbol.asyncIterator in source || Symbol.iterator in source)
  );
}

/** Pulls one chunk at a time while the stream is not blocked; returns the way to stop, which also returns the iterator. */
function pull(
  source: Iterable<Writable> | AsyncIterable<Writable>,
  writes: WriteSide,
  put: (data: Writable) => void,
  finish: () => void,
  fail: (error: unknown) => void,
): () => void {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const state = { stopped: false, running: false, owed: true };
  const run = async (): Promise<void> => {
    if (state.running) return;
    state.running = true;
    try {
      while (!state.stopped && !writes.blocked) {
        const result = await iterator.next();
        if (state.stopped) return;
        if (result.done) {
          state.owed = false;
          finish();
          return;
        }
        put(result.value);
      }
    } catch (error) {
      state.owed = false;
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
