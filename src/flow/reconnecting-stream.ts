import { filter, map, ReplaySubject, Subject, Subscription, type Observable, type SchedulerLike } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { abortError } from '../stream/abort.ts';
import { toBytes, type Writable } from '../stream/bytes.ts';
import { connect } from '../stream/connect.ts';
import { coreOf, type IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/options.ts';
import type { ReadEnd } from '../stream/read-side.ts';
import type { ClosedReport } from '../stream/report.ts';
import { AsyncContext } from '../wire/async-context.ts';
import { atTickEnd, reportUnhandled } from '../wire/tick.ts';
import { after } from '../wire/timer.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import type { Persistent, PersistentStatus, PersistentTarget, UnsentReport } from './persistent-types.ts';
import { PersistentWrites, type PersistentWrite } from './persistent-writes.ts';

/** Checked options. */
export interface PersistentPlan extends BackoffPlan {
  readonly unsent: 'keep' | 'drop' | 'error';
  readonly repeat: boolean;
  readonly outBufLimit: number;
}

/** A lost connection, or a failed attempt. Requests whose write was taken in this attempt or before get no reply any more. */
export interface Loss {
  readonly attempt: number;
  readonly error?: unknown;
}

/** Reads the connections of a persistent stream, one after another. */
export interface Follower {
  /** Whether a reader would get an error. */
  readonly isHeard: boolean;
  connected(io: IOStream): void;
  /** A connection was lost, or an attempt has failed. Calls `whenRead` when all that came before has been read. */
  lost(whenRead: () => void): void;
  /** There will be no more connections: because of our own close, or for another reason. */
  over(end: ReadEnd, how: { readonly isOwn: boolean }): void;
}

/** Dials again and again, and keeps the writes meanwhile; see `persistent`. */
export class ReconnectingStream implements Persistent {
  readonly status$: Observable<PersistentStatus>;
  readonly stream$: Observable<IOStream>;
  readonly unsent$: Observable<UnsentReport>;
  readonly blocked$: Observable<boolean>;
  /** Emits when a connection is lost or an attempt has failed. */
  readonly over$: Subject<void> = new Subject<void>();
  /** Emits each loss when what came before has been read. */
  readonly lost$: Subject<Loss> = new Subject<Loss>();
  readonly #target: PersistentTarget;
  readonly #plan: PersistentPlan;
  readonly #status = new ReplaySubject<PersistentStatus>(1);
  readonly #unsent = new Subject<UnsentReport>();
  readonly #writes = new PersistentWrites();
  readonly #followers: Follower[] = [];
  /** The present attempt, or the wait for the next. */
  #present = new Subscription();
  #attempt = 0;
  /** Attempts that failed in a row. */
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
      // Not attached yet, if a subscriber of the status closes it.
      this.#writes.attach(coreOf(this.#io), this.#attempt);
      this.#writes.flush();
      this.#io.close(); // `#ended` when its handle is free
    } else {
      this.#present.unsubscribe();
      this.#finish({});
    }
    this.#endFollowers({});
  };

  // For messages over it

  get scheduler(): SchedulerLike {
    return this.#plan.scheduler;
  }

  /** Whether it takes writes. */
  get isOpen(): boolean {
    return !this.#isClosing && !this.#end;
  }

  get isBlocked(): boolean {
    return this.#writes.blocked$.value;
  }

  /** Queues a write, or returns why not. */
  accept(bytes: Buffer, data: Writable = bytes): PersistentWrite | IOStreamError {
    const { outBufLimit } = this.#plan;
    if (this.pending < outBufLimit) return this.#writes.push(data, bytes);
    const message = `expected less than outBufLimit = ${outBufLimit} bytes to be pending, got ${this.pending}; the write of ${bytes.length} bytes was refused: wait for blocked$`;
    return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
  }

  /** Reports a write that was refused, when the caller's tick is over. */
  reportRefused(error: IOStreamError, { length }: Buffer, data: Writable): void {
    const report = { attempt: this.#attempt, error, writes: [{ data, length, left: 0, given: 0, kept: false }] };
    this.#atTickEnd(() => this.#unsent.next(report));
  }

  /** Reports an error of what reads or writes: it ends the present connection. */
  raise(error: IOStreamError, isHandled = false): void {
    if (this.#io) coreOf(this.#io).raise(error, isHandled);
    else if (!isHandled) reportUnhandled(error);
  }

  follow(follower: Follower): void {
    this.#followers.push(follower);
    if (this.#io && isLiving(this.#io)) follower.connected(this.#io);
    if (this.#end || this.#isClosing) follower.over(this.#end ?? {}, { isOwn: this.#isClosing });
  }

  /** An error that a request got. It has been reported when the stream ended. */
  errorHandled(): void {
    // There is nothing that waits for a handler.
  }

  /** Calls `work` when the caller's tick is over, in the async context of the code that made the persistent stream. */
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
    // Subscribers may greet the peer before what waits is written.
    this.#status.next({ state: 'connected', attempt: this.#attempt, io });
    if (this.#io === io) this.#writes.attach(coreOf(io), this.#attempt);
    if (this.#io === io && isLiving(io)) for (const follower of this.#followers) follower.connected(io);
  }

  /** The attempt failed, or its connection is over. */
  #ended(end: ReadEnd): void {
    const { scheduler, resetAfter } = this.#plan;
    const lasted = this.#connectedAt !== undefined && scheduler.now() - this.#connectedAt >= resetAfter;
    this.#failures = lasted ? 1 : this.#failures + 1;
    const closed = this.#io && coreOf(this.#io).report;
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

  /** The wait before the next attempt; undefined: there is none. */
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

  /** The writes of this attempt are over: those that are kept, and all others. */
  #lose(end: ReadEnd, keep: boolean): void {
    const attempt = this.#attempt;
    const wasConnected = this.#connectedAt !== undefined;
    const writes = this.#writes.detach(keep, attempt);
    this.over$.next();
    const tell = (): void => this.lost$.next({ attempt, ...end });
    this.#followers.reduceRight<() => void>((next, follower) => () => follower.lost(next), tell)();
    // An attempt that never was connected has not lost what is kept.
    if (writes.some(({ kept }) => wasConnected || !kept)) this.#unsent.next({ attempt, ...end, writes });
  }

  #finish(end: ReadEnd): void {
    this.#end = end;
    this.#present.unsubscribe();
    // Asked before: requests get the error as a loss.
    const isHandled = this.#isClosing || this.#status.observed || this.#followers.some(({ isHeard }) => isHeard);
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
  return coreOf(io).tells && !io.isEof;
}

function lost(attempt: number): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'close', message: `connection closed (attempt ${attempt})` });
}
