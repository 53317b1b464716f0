import { from, isObservable, Observable, type InteropObservable, type Subscriber } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { toBytes, type Writable } from './bytes.ts';
import { describeValue } from '../util/describe.ts';
import { endReader, type ReadEnd } from './read-side.ts';
import { SentTracker } from './sent-tracker.ts';
import type { SendQueue } from './send-queue.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';
import type { WriteSide } from './write-side.ts';

/** The part of a Web stream, of any runtime or library, that `send` uses. */
export interface ReadableWebStream {
  getReader(): { read(): Promise<{ done: boolean; value?: Writable | undefined }>; cancel(reason?: unknown): Promise<unknown> };
}

/** The sources that `IOStream.send` accepts: pulled one chunk at a time, except for an Observable, which pushes. */
export type SendSource =
  Iterable<Writable> | AsyncIterable<Writable> | Observable<Writable> | InteropObservable<Writable> | ReadableWebStream;

/** The parts of the stream that {@link send} uses. */
export interface SendPort {
  readonly writes: WriteSide;
  /** Whether the stream rejects writes. */
  readonly isClosed: boolean;
  /** Emits once when the stream closes. */
  readonly closing$: Observable<ReadEnd>;
  /** The queue of sends. */
  readonly sends: SendQueue;
  /** How the stream ended; `undefined` before. */
  readonly end: ReadEnd | undefined;
  /** Returns the fatal error of the stream that has reached no handler; the caller must handle it. */
  takeError(): IOStreamError | undefined;
  /** Marks the fatal error of the stream as handled. */
  errorHandled(): void;
  /** Notes that the send failed or was unsubscribed midway: the peer has only a part of the source. */
  cutUpload(): void;
}

const closed = (cause?: unknown): IOStreamError =>
  new IOStreamError(ECLOSED, { phase: 'write', cause, message: 'the stream is closed for writing; not all of the source was sent' });

/** Implements `IOStream.send`. */
export function send(port: SendPort, source: SendSource): Observable<number> {
  if (!isSource(source))
    throw new TypeError(`expected an iterable, async iterable, Readable, Web stream or Observable to send, got ${describeValue(source)}`);
  return new Observable((out) => {
    if (port.isClosed) {
      out.error(port.takeError() ?? closed(port.end?.error));
      return;
    }
    new Sending(port, out).start(source);
  });
}

/** One subscription of {@link send}. */
class Sending {
  readonly #port: SendPort;
  readonly #out: Subscriber<number>;
  readonly #share: SentTracker;
  /** The last emitted count of sent bytes; -1 before the first. */
  #sent = -1;
  #accepted = 0;
  #isSubscribed = false;
  #isExhausted = false;
  #hasFailed = false;
  /** Chunks that an Observable emitted before its turn in the queue, bounded by `outBufLimit`; `undefined` from then on. */
  #early: Buffer[] | undefined = [];
  #earlyBytes = 0;
  #leaveQueue: (() => void) | undefined;

  constructor(port: SendPort, out: Subscriber<number>) {
    this.#port = port;
    this.#out = out;
    this.#share = new SentTracker(port.writes);
  }

  start(source: SendSource): void {
    const port = this.#port;
    const out = this.#out;
    out.add(() => this.#stop());
    out.add(
      port.sends.join((leave) => {
        this.#leaveQueue = leave;
        out.add(port.writes.wait(this));
        this.#attempt(() => this.#begin(source));
      }),
    );
    // Subscribe at once, even behind other sends: values that a hot source emits before the subscription are lost.
    if (this.#early && !out.closed && isPushed(source)) this.#attempt(() => this.#subscribe(source));
    out.add(
      port.closing$.subscribe((end) => {
        if ('error' in end) port.errorHandled();
        endReader(out, end.unsubscribed || 'error' in end ? end : { error: closed() });
      }),
    );
  }

  /** Called when bytes of the stream have been sent. */
  onSent(): void {
    const now = this.#share.sent();
    const isThrough = this.#isExhausted && !this.#early && !this.#share.isWaiting;
    if (now > Math.max(0, this.#sent) || (isThrough && this.#sent < 0)) this.#out.next((this.#sent = now));
    if (isThrough) this.#out.complete();
  }

  /** Starts when it is this send's turn in the queue. */
  #begin(source: SendSource): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const bytes of early) this.#accept(bytes);
    if (!isPushed(source)) this.#pull(source);
    else if (this.#isExhausted) this.#finish();
    else if (!this.#isSubscribed) this.#subscribe(source);
  }

  #pull(source: Pulled): void {
    const put = (data: Writable): void => this.#put(data);
    const finish = (): void => this.#finish();
    const fail = (error: unknown): void => this.#fail(error);
    this.#out.add(pull(source, this.#port.writes, put, finish, fail));
  }

  #subscribe(source: Pushed): void {
    this.#isSubscribed = true;
    const fail = (error: unknown): void => this.#fail(error);
    const chunk$ = guardedSubscriber<Writable>({
      next: (data) => this.#put(data),
      error: fail,
      complete: () => this.#finish(),
      caught: fail,
    });
    this.#out.add(chunk$);
    from(source).subscribe(chunk$);
  }

  #put(data: Writable): void {
    const bytes = toBytes(data, 'each chunk of the source');
    if (!this.#early) {
      this.#accept(bytes);
      return;
    }
    const { outBufLimit } = this.#port.writes;
    if (outBufLimit > 0 && this.#earlyBytes >= outBufLimit) {
      const message = `a source that pushes emitted ${this.#earlyBytes} bytes (outBufLimit) while an earlier send is active; send something that is pulled, or wait`;
      throw new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
  }

  #accept(bytes: Buffer): void {
    const error = this.#port.writes.accept(bytes);
    if (error) throw error;
    this.#accepted += bytes.length;
    this.#share.add(bytes.length);
  }

  #finish(): void {
    this.#isExhausted = true;
    if (this.#early) return;
    this.#leaveQueue?.();
    this.onSent();
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#out.error(error);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #stop(): void {
    if (this.#hasFailed || (!this.#isExhausted && this.#accepted > 0)) this.#port.cutUpload();
  }
}

/** Whether a source is an Observable of any library that cannot be pulled. */
function isPushed(source: SendSource): source is Pushed {
  if (isObservable(source)) return true;
  return SYMBOL_OBSERVABLE in source && !(Symbol.asyncIterator in source || Symbol.iterator in source);
}

function isSource(source: unknown): boolean {
  // Excludes strings and views of bytes: they are iterable, but not by chunks.
  return (
    typeof source === 'object' &&
    source !== null &&
    !ArrayBuffer.isView(source) &&
    (isObservable(source) || [SYMBOL_OBSERVABLE, Symbol.asyncIterator, Symbol.iterator, 'getReader'].some((way) => way in source))
  );
}

type Pushed = Observable<Writable> | InteropObservable<Writable>;
type Pulled = Iterable<Writable> | AsyncIterable<Writable> | ReadableWebStream;

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
function pull(
  source: Pulled,
  writes: WriteSide,
  put: (data: Writable) => void,
  finish: () => void,
  fail: (error: unknown) => void,
): () => void {
  const iterator = iteratorOf(source);
  const state = { stopped: false, running: false, owed: true };
  const isStopped = (): boolean => state.stopped;
  const ended = (error: unknown): never => {
    state.owed = false; // An iterator whose `next` throws has ended: `return` is not due.
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
        // Synchronous results are not awaited, so that a plain iterable also works in virtual time.
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
    // Releases the source. Errors of `return()` are ignored: no observer is left.
    if (state.owed) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
}
