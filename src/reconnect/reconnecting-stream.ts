import { filter, map, ReplaySubject, Subject, Subscription, type Observable, type SchedulerLike } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { abortError } from '../stream/abort.ts';
import { toBytes, type Writable } from '../stream/bytes.ts';
import { connect } from '../stream/connect.ts';
import { internalsOf, type IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/options.ts';
import type { ReadEnd } from '../stream/read-side.ts';
import type { ClosedReport } from '../stream/report.ts';
import { AsyncContext } from '../util/async-context.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { atTickEnd } from '../util/tick.ts';
import { after } from '../util/timer.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import type { Persistent, PersistentStatus, PersistentTarget, UnsentReport } from './persistent-types.ts';
import { PersistentWrites, type PersistentWrite } from './persistent-writes.ts';

/** Checked options. */
export interface PersistentPlan extends BackoffPlan {
  readonly unsent: 'keep' | 'drop' | 'error';
  readonly repeat: boolean;
  readonly outBufLimit: number;
}

/** A lost connection or a failed attempt. Requests written in this attempt or an earlier one get no reply any more. */
export interface Loss {
  readonly attempt: number;
  readonly error?: unknown;
}

/** Reads the successive connections of a persistent stream. */
export interface Follower {
  /** Whether an error would reach a reader. */
  readonly isErrorHandled: boolean;
  connected(io: IOStream): void;
  /** Called when a connection is lost or an attempt fails. Calls `whenRead` when all bytes before the loss have been read. */
  lost(whenRead: () => void): void;
  /** Called when no further connection follows. `isOwn`: because of `close()`. */
  over(end: ReadEnd, how: { readonly isOwn: boolean }): void;
}

/** Reconnects when a connection ends, and queues writes; see `persistent`. */
export class ReconnectingStream implements Persistent {
  readonly status$: Observable<PersistentStatus>;
  readonly stream$: Observable<IOStream>;
  readonly unsent$: Observable<UnsentReport>;
  readonly blocked$: Observable<boolean>;
  /** Emits when a connection is lost or an attempt fails. */
  readonly over$: Subject<void> = new Subject<void>();
  /** Emits each loss when all bytes before it have been read. */
  readonly lost$: Subject<Loss> = new Subject<Loss>();
  readonly #target: PersistentTarget;
  readonly #plan: PersistentPlan;
  readonly #status = new ReplaySubject<PersistentStatus>(1);
  readonly #unsent = new Subject<UnsentReport>();
  readonly #writes = new PersistentWrites();
  readonly #followers: Follower[] = [];
  /** The current attempt, or the delay before the next one. */
  #present = new Subscription();
  #attempt = 0;
  /** The number of attempts that failed in a row. */
  #failures = 0;
  #connectedAt: number | undefined;
  #io: IOStream | undefined;
  #signal: AbortSignal | undefined;
  #isClosing = false;
  readonly #context = new AsyncContext();
  /** How it ended. */
  #end: ReadEnd | undefined;

  constructor(target: PersistentTarget, plan: PersistentPlan) {
    this.#target = target;
    this.#plan = plan;
    this.status$ = this.#status.asObservable();
    this.unsent$ = this.#unsent.asObservable();
    this.blocked$ = this.#writes.blocked$.asObservable();
    this.stream$ = this.#status.pipe(
      map((status) => {
        if (status.state === 'closed' && 'error' in status) throw status.error;
        return status.state === 'connected' && isLiving(status.io) ? status.io : undefined;
      }),
      filter((io) => io !== undefined),
    );
    this.#present.add(this.#atTickEnd(() => this.#dial()));
  }

  get pending(): number {
    return this.#writes.pending;
  }

  readonly write = (data: Writable): boolean => {
    const bytes = toBytes(data, 'the data of write()');
    if (!this.isOpen) return false;
    const taken = this.accept(bytes, data);
    if (!(taken instanceof IOStreamError)) return !this.isBlocked;
    this.reportRefused(taken, bytes, data);
    return false;
  };

  readonly close = (): void => {
    if (!this.isOpen) return;
    this.#isClosing = true;
    if (this.#io) {
      // Not attached yet if a subscriber of `status$` calls this.
      this.#writes.attach(internalsOf(this.#io), this.#attempt);
      this.#writes.flush();
      this.#io.close(); // `#ended` when its handle is free
    } else {
      this.#present.unsubscribe();
      this.#finish({});
    }
    this.#endFollowers({});
  };

  // For `framed` and `requests`

  get scheduler(): SchedulerLike {
    return this.#plan.scheduler;
  }

  /** Whether writes are accepted. */
  get isOpen(): boolean {
    return !this.#isClosing && !this.#end;
  }

  get isBlocked(): boolean {
    return this.#writes.blocked$.value;
  }

  /** Queues a write, or returns the error if the queue is full. */
  accept(bytes: Buffer, data: Writable = bytes): PersistentWrite | IOStreamError {
    const { outBufLimit } = this.#plan;
    if (this.pending < outBufLimit) return this.#writes.push(data, bytes);
    const message = `expected less than outBufLimit = ${outBufLimit} bytes to be pending, got ${this.pending}; the write of ${bytes.length} bytes was refused: wait for blocked$`;
    return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
  }

  /** Reports a rejected write at the end of the caller's tick. */
  reportRefused(error: IOStreamError, { length }: Buffer, data: Writable): void {
    const report = { attempt: this.#attempt, error, writes: [{ data, length, sent: 0, written: 0, kept: false }] };
    this.#atTickEnd(() => this.#unsent.next(report));
  }

  /** Reports an error of a reader or writer to the current connection, which ends if the error is fatal. */
  report(error: IOStreamError, isHandled = false): void {
    if (this.#io) internalsOf(this.#io).report(error, isHandled);
    else if (!isHandled) reportUnhandled(error);
  }

  follow(follower: Follower): void {
    this.#followers.push(follower);
    if (this.#io && isLiving(this.#io)) follower.connected(this.#io);
    if (this.#end || this.#isClosing) follower.over(this.#end ?? {}, { isOwn: this.#isClosing });
  }

  /** Called when a request has received the error. Does nothing: the error was reported when the stream ended. */
  errorHandled(): void {
    // No unhandled error is stored here.
  }

  /** Calls `work` at the end of the caller's tick, in the async context of the code that created the persistent stream. */
  #atTickEnd(work: () => void): Subscription {
    return atTickEnd(this.#plan.scheduler, () => this.#context.run(work, undefined, undefined));
  }

  // The attempts

  #dial(): void {
    this.#attempt += 1;
    this.#connectedAt = undefined;
    const attempt = this.#attempt;
    this.#status.next({ state: 'connecting', attempt });
    if (this.#isClosing) return;
    const options = (): IOStreamOptions => {
      const made = typeof this.#target === 'function' ? this.#target(attempt) : this.#target;
      this.#signal = made.signal;
      return made;
    };
    this.#present = new Subscription();
    this.#present.add(
      connect(options).subscribe({
        next: (io) => this.#connected(io),
        error: (error: unknown) => this.#ended({ error }),
        complete: () => this.#ended({}),
      }),
    );
  }

  #connected(io: IOStream): void {
    this.#io = io;
    this.#connectedAt = this.#plan.scheduler.now();
    // Before the queue is written, so that subscribers may send a greeting first.
    this.#status.next({ state: 'connected', attempt: this.#attempt, io });
    if (this.#io === io) this.#writes.attach(internalsOf(io), this.#attempt);
    if (this.#io === io && isLiving(io)) for (const follower of this.#followers) follower.connected(io);
  }

  /** Called when the attempt failed or its connection closed. */
  #ended(end: ReadEnd): void {
    const { scheduler, resetAfter } = this.#plan;
    const lasted = this.#connectedAt !== undefined && scheduler.now() - this.#connectedAt >= resetAfter;
    this.#failures = lasted ? 1 : this.#failures + 1;
    const closed = this.#io && internalsOf(this.#io).closedReport;
    this.#io = undefined;
    const { unsent, repeat } = this.#plan;
    const loses = unsent === 'error' && this.pending > 0;
    if (this.#isClosing || !(loses || repeat || 'error' in end)) {
      this.#finish(end);
      return;
    }
    const reason = 'error' in end ? end : { error: lost(this.#attempt) };
    try {
      const delay = loses || this.#signal?.aborted ? undefined : this.#delay(end, closed);
      if (delay === undefined) this.#finish(reason);
      else this.#wait(end, delay);
    } catch (error) {
      this.#finish({ error });
    }
  }

  /** Returns the delay before the next attempt, or undefined if there is none. */
  #delay(end: ReadEnd, closed: ClosedReport | undefined): number | undefined {
    const report = { attempt: this.#attempt, failures: this.#failures, closed };
    const mayRetry = !('error' in end) || this.#plan.mayRetry(end.error, report);
    return mayRetry ? this.#plan.delay(this.#failures) : undefined;
  }

  #wait(end: ReadEnd, delay: number): void {
    this.#lose(end, this.#plan.unsent === 'keep');
    if (!this.isOpen) return; // closed by a subscriber
    this.#present = new Subscription();
    this.#present.add(after(delay, this.#plan.scheduler, () => this.#dial()));
    const signal = this.#signal;
    if (signal) {
      const onAbort = (): void => this.#finish({ error: abortError(signal) });
      signal.addEventListener('abort', onAbort);
      this.#present.add(() => signal.removeEventListener('abort', onAbort));
    }
    this.#status.next({ state: 'waiting', attempt: this.#attempt, ...end, delay });
  }

  /** Detaches the writes from this attempt, then notifies the followers and reports unsent writes. */
  #lose(end: ReadEnd, keep: boolean): void {
    const attempt = this.#attempt;
    const wasConnected = this.#connectedAt !== undefined;
    const writes = this.#writes.detach(keep, attempt);
    this.over$.next();
    const tell = (): void => this.lost$.next({ attempt, ...end });
    this.#followers.reduceRight<() => void>((next, follower) => () => follower.lost(next), tell)();
    // If the attempt never connected, kept writes are not reported.
    if (writes.some(({ kept }) => wasConnected || !kept)) this.#unsent.next({ attempt, ...end, writes });
  }

  #finish(end: ReadEnd): void {
    this.#end = end;
    this.#present.unsubscribe();
    // Read before `#lose`, which ends the requests with this error.
    const isHandled = this.#isClosing || this.#status.observed || this.#followers.some(({ isErrorHandled: isHeard }) => isHeard);
    this.#lose(end, false);
    this.#status.next({ state: 'closed', attempt: this.#attempt, ...end });
    this.#status.complete();
    this.#unsent.complete();
    this.#writes.blocked$.complete();
    this.over$.complete();
    this.lost$.complete();
    this.#endFollowers(end);
    if ('error' in end && !isHandled) reportUnhandled(end.error);
  }

  #endFollowers(end: ReadEnd): void {
    for (const follower of this.#followers) follower.over(end, { isOwn: this.#isClosing });
  }
}

/** Whether a stream is open in both directions. */
function isLiving(io: IOStream): boolean {
  return internalsOf(io).isActive && !io.isEof;
}

function lost(attempt: number): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'close', message: `connection closed (attempt ${attempt})` });
}
