import { from, isObservable, Observable, type InteropObservable, type Subscriber } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { inlet } from '../wire/operate.ts';
import { inWords, toBytes, type Writable } from './bytes.ts';
import { endReader, type ReadEnd } from './read-side.ts';
import { Share } from './share.ts';
import type { SendLine } from './send-line.ts';
import { SYMBOL_OBSERVABLE } from './symbol-observable.ts';
import type { WriteSide } from './write-side.ts';

/** What `send` needs of a Web stream of any runtime or library. */
export interface ReadableWebStream {
  getReader(): { read(): Promise<{ done: boolean; value?: Writable | undefined }>; cancel(reason?: unknown): Promise<unknown> };
}

/** What `IOStream.send` takes: pulled one chunk at a time, except for an Observable, which pushes. */
export type SendSource =
  Iterable<Writable> | AsyncIterable<Writable> | Observable<Writable> | InteropObservable<Writable> | ReadableWebStream;

/** What {@link send} needs of its stream. */
export interface SendPort {
  readonly writes: WriteSide;
  /** Whether the stream takes no more writes. */
  readonly isClosed: boolean;
  /** Emits once when the stream closes. */
  readonly closing$: Observable<ReadEnd>;
  /** The queue of sends. */
  readonly sends: SendLine;
  /** How the stream ended, if it has. */
  readonly end: ReadEnd | undefined;
  /** A fatal error of the stream that has reached no handler. */
  takeError(): IOStreamError | undefined;
  /** The fatal error of the stream reaches a handler. */
  errorHandled(): void;
  /** The send fails or is given up midway: the peer has a part of the source. */
  cutUpload(): void;
}

const closed = (cause?: unknown): IOStreamError =>
  new IOStreamError(ECLOSED, { phase: 'write', cause, message: 'the stream is closed for writing; not all of the source was sent' });

/** See `IOStream.send`. */
export function send(port: SendPort, source: SendSource): Observable<number> {
  if (!isSource(source))
    throw new TypeError(`expected an iterable, async iterable, Readable, Web stream or Observable to send, got ${inWords(source)}`);
  return new Observable((out) => {
    if (port.isClosed) {
      out.error(port.takeError() ?? closed(port.end?.error));
      return;
    }
    new Sending(port, out).start(source);
  });
}

/** One run of {@link send}, from subscribe to its end. */
class Sending {
  readonly #port: SendPort;
  readonly #out: Subscriber<number>;
  readonly #share: Share;
  /** Bytes that were emitted as sent. */
  #sent = -1;
  #accepted = 0;
  #isSubscribed = false;
  #isExhausted = false;
  #hasFailed = false;
  /** What a pushing source emitted before its turn in the queue, bounded by `outBufLimit`; undefined from the turn on. */
  #early: Buffer[] | undefined = [];
  #earlyBytes = 0;
  #leaveQueue: (() => void) | undefined;

  constructor(port: SendPort, out: Subscriber<number>) {
    this.#port = port;
    this.#out = out;
    this.#share = new Share(port.writes);
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
    // A hot source loses what it emits before the subscription: it is subscribed at once, whatever is sent before it.
    if (this.#early && !out.closed && isPushed(source)) this.#attempt(() => this.#subscribe(source));
    out.add(
      port.closing$.subscribe((end) => {
        if ('error' in end) port.errorHandled();
        endReader(out, end.left || 'error' in end ? end : { error: closed() });
      }),
    );
  }

  /** Bytes have left. */
  left(): void {
    const now = this.#share.left();
    const isThrough = this.#isExhausted && !this.#early && !this.#share.waits;
    if (now > Math.max(0, this.#sent) || (isThrough && this.#sent < 0)) this.#out.next((this.#sent = now));
    if (isThrough) this.#out.complete();
  }

  /** It is this send's turn. */
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
    const chunk$ = inlet<Writable>({ next: (data) => this.#put(data), error: fail, complete: () => this.#finish(), fail });
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
    this.left();
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

/** Whether a source is an Observable, of any library, and cannot be pulled. */
function isPushed(source: SendSource): source is Pushed {
  if (isObservable(source)) return true;
  return SYMBOL_OBSERVABLE in source && !(Symbol.asyncIterator in source || Symbol.iterator in source);
}

function isSource(source: unknown): boolean {
  // A string or view of bytes is iterable too, but not by chunks.
  return (
    typeof source === 'object' &&
    source !== null &&
    !ArrayBuffer.isView(source) &&
    (isObservable(source) || [SYMBOL_OBSERVABLE, Symbol.asyncIterator, Symbol.iterator, 'getReader'].some((way) => way in source))
  );
}

type Pushed = Observable<Writable> | InteropObservable<Writable>;
type Pulled = Iterable<Writable> | AsyncIterable<Writable> | ReadableWebStream;

/** A generator that waits for its next chunk ignores `return` until then: streams are released by their own methods. */
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

/** What we need of a reader of a Web stream. */
interface WebReader {
  read(): Promise<IteratorResult<Writable>>;
  cancel(): Promise<unknown>;
}

/** Pulls one chunk at a time while the stream is not blocked; returns the way to stop, which also returns the iterator. */
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
