import { from, type Observer, type Subscriber } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { toBytes, type Bytes, type Writable } from './bytes.ts';
import type { Connection } from './connection.ts';
import { pullSource } from './pull-source.ts';
import { endReader } from './read-end.ts';
import { isPushed, type Pulled, type Pushed, type SendSource } from './send-source.ts';
import { SentTracker } from './sent-tracker.ts';

/** Creates the error of a send that the close of the stream has ended. */
export function closedForWriting(cause?: unknown): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'write', cause, message: 'the stream is closed for writing; not all of the source was sent' });
}

/** One subscription of `send`. */
export class Sending implements Observer<Writable> {
  readonly #connection: Connection;
  readonly #out: Subscriber<number>;
  readonly #tracker: SentTracker;
  /** The last emitted count of sent bytes; -1 before the first. */
  #sent = -1;
  #accepted = 0;
  #isSubscribed = false;
  #isExhausted = false;
  #hasFailed = false;
  /** Chunks that an Observable emitted before its turn in the queue, bounded by `outBufLimit`; `undefined` from then on. */
  #early: Bytes[] | undefined = [];
  #earlyBytes = 0;
  #leaveQueue: (() => void) | undefined;

  constructor(connection: Connection, out: Subscriber<number>) {
    this.#connection = connection;
    this.#out = out;
    this.#tracker = new SentTracker(connection.writes);
  }

  start(source: SendSource): void {
    const connection = this.#connection;
    const out = this.#out;
    out.add(() => this.#stop());
    out.add(
      connection.sends.join((leave) => {
        this.#leaveQueue = leave;
        out.add(connection.writes.observe(this, connection.writes.accepted));
        this.#attempt(() => this.#begin(source));
      }),
    );
    // Subscribe at once, even behind other sends: values that a hot source emits before the subscription are lost.
    if (this.#early && !out.closed && isPushed(source)) this.#attempt(() => this.#subscribe(source));
    out.add(
      connection.lifetime.closing$.subscribe((end) => {
        if ('error' in end) connection.errors.markHandled();
        endReader(out, end.unsubscribed || 'error' in end ? end : { error: closedForWriting() });
      }),
    );
  }

  /** Called when bytes of the stream have been sent. */
  onSent(): void {
    const now = this.#tracker.sent();
    const isComplete = this.#isExhausted && !this.#early && !this.#tracker.isWaiting;
    if (now > Math.max(0, this.#sent) || (isComplete && this.#sent < 0)) this.#out.next((this.#sent = now));
    if (isComplete) this.#out.complete();
  }

  /** Starts when it is this send's turn in the queue. */
  #begin(source: SendSource): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const bytes of early) this.#accept(bytes);
    if (!isPushed(source)) this.#pull(source);
    else if (this.#isExhausted) this.complete();
    else if (!this.#isSubscribed) this.#subscribe(source);
  }

  #pull(source: Pulled): void {
    this.#out.add(pullSource(source, this.#connection.writes, this));
  }

  #subscribe(source: Pushed): void {
    this.#isSubscribed = true;
    const chunk$ = guardedSubscriber<Writable>(this);
    this.#out.add(chunk$);
    from(source).subscribe(chunk$);
  }

  // Observes the source

  next(data: Writable): void {
    const bytes = toBytes(data, 'each chunk of the source');
    if (!this.#early) {
      this.#accept(bytes);
      return;
    }
    const { outBufLimit } = this.#connection.settings;
    if (outBufLimit > 0 && this.#earlyBytes >= outBufLimit) {
      const message = `a source that pushes emitted ${this.#earlyBytes} bytes (outBufLimit) before its turn; send something that is pulled, or wait`;
      throw new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
  }

  #accept(bytes: Bytes): void {
    const error = this.#connection.writes.accept(bytes);
    if (error) throw error;
    this.#accepted += bytes.length;
    this.#tracker.add(bytes.length);
  }

  complete(): void {
    this.#isExhausted = true;
    if (this.#early) return;
    this.#leaveQueue?.();
    this.onSent();
  }

  error(error: unknown): void {
    this.#hasFailed = true;
    this.#out.error(error);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.error(error);
    }
  }

  #stop(): void {
    if (this.#hasFailed || (!this.#isExhausted && this.#accepted > 0)) this.#connection.closing.hasCutUpload = true;
  }
}
