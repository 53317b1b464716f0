import { filter, map, ReplaySubject, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { toBytes, type Bytes, type Writable } from '../stream/bytes.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { AsyncContext } from '../util/async-context.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { Attempts } from './attempts.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import { Followers, type Follower } from './followers.ts';
import type { Persistent, PersistentStatus, PersistentTarget, UnsentReport } from './persistent-types.ts';
import { PersistentWrites, type PersistentWrite } from './persistent-writes.ts';

/** The checked options of `persistent`. */
export interface PersistentPlan extends BackoffPlan {
  readonly unsent: 'keep' | 'drop' | 'error';
  readonly repeat: boolean;
  readonly outBufLimit: number;
}

/** A lost connection or a failed attempt. Requests written in this attempt or an earlier one get no reply any more. */
export interface LostConnection {
  readonly attempt: number;
  readonly error?: unknown;
}

/** Reconnects when a connection ends, and queues writes; see `persistent`. */
export class ReconnectingStream implements Persistent {
  readonly status$: Observable<PersistentStatus>;
  readonly stream$: Observable<IOStream>;
  readonly unsent$: Observable<UnsentReport>;
  readonly blocked$: Observable<boolean>;
  /** Emits when a connection is lost or an attempt fails. */
  readonly disconnected$: Subject<void> = new Subject<void>();
  /** Emits each loss when all bytes before it have been read. */
  readonly lost$: Subject<LostConnection> = new Subject<LostConnection>();
  readonly #plan: PersistentPlan;
  readonly #attempts: Attempts;
  readonly #writes: PersistentWrites;
  readonly #followers = new Followers();
  readonly #status = new ReplaySubject<PersistentStatus>(1);
  readonly #unsent = new Subject<UnsentReport>();
  readonly #context = new AsyncContext();
  /** The current connection. */
  #io: IOStream | undefined;
  #isClosing = false;
  /** How it ended. */
  #end: ReadEnd | undefined;

  constructor(target: PersistentTarget, plan: PersistentPlan) {
    this.#plan = plan;
    this.#attempts = new Attempts(target, plan);
    this.#writes = new PersistentWrites(plan.outBufLimit);
    this.status$ = this.#status.asObservable();
    this.unsent$ = this.#unsent.asObservable();
    this.blocked$ = this.#writes.blocked$.asObservable();
    this.stream$ = this.#status.pipe(
      map((status) => {
        if (status.state === 'closed' && 'error' in status) throw status.error;
        return status.state === 'connected' && isOpenBothWays(status.io) ? status.io : undefined;
      }),
      filter((io) => io !== undefined),
    );
    this.#atTickEnd(() => {
      if (this.isOpen) this.#dial();
    });
  }

  get pending(): number {
    return this.#writes.pending;
  }

  readonly write = (data: Writable): boolean => {
    const bytes = toBytes(data, 'the data of write()');
    if (!this.isOpen) return false;
    const accepted = this.accept(bytes, data);
    if (!(accepted instanceof IOStreamError)) return !this.isBlocked;
    this.reportRejected(accepted, bytes, data);
    return false;
  };

  readonly close = (): void => {
    if (!this.isOpen) return;
    this.#isClosing = true;
    if (this.#io) {
      // Not attached yet if a subscriber of `status$` calls this.
      this.#writes.attach(internalsOf(this.#io), this.#attempts.number);
      this.#writes.flush();
      this.#io.close(); // `#disconnected` is called when its handle is free.
    } else this.#finish({});
    this.#followers.ended({}, true);
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
    return this.#writes.isBlocked;
  }

  /** Queues a write, or returns the error if the queue is full. */
  accept(bytes: Bytes, data: Writable = bytes): PersistentWrite | IOStreamError {
    return this.#writes.accept(bytes, data);
  }

  /** Reports a rejected write at the end of the caller's tick. */
  reportRejected(error: IOStreamError, { length }: Bytes, data: Writable): void {
    const report = { attempt: this.#attempts.number, error, writes: [{ data, length, sent: 0, written: 0, kept: false }] };
    this.#atTickEnd(() => this.#unsent.next(report));
  }

  /** Reports an error of a reader or writer to the current connection, which ends if the error is fatal. */
  report(error: IOStreamError, isHandled = false): void {
    if (this.#io) internalsOf(this.#io).errors.report(error, isHandled);
    else if (!isHandled) reportUnhandled(error);
  }

  follow(follower: Follower): void {
    this.#followers.add(follower);
    if (this.#io && isOpenBothWays(this.#io)) follower.connected(this.#io);
    if (this.#end || this.#isClosing) follower.ended(this.#end ?? {}, { isOwn: this.#isClosing });
  }

  /** Calls `work` at the end of the caller's tick, in the async context of the code that created the persistent stream. */
  #atTickEnd(work: () => void): void {
    atTickEnd(this.#plan.scheduler, () => this.#context.run(work, undefined, undefined));
  }

  // The life of an attempt

  #dial(): void {
    this.#attempts.next();
    this.#status.next({ state: 'connecting', attempt: this.#attempts.number });
    if (this.#isClosing) return; // Closed by a subscriber.
    this.#attempts.dial({
      next: (io) => this.#connected(io),
      error: (error: unknown) => this.#disconnected({ error }),
      complete: () => this.#disconnected({}),
    });
  }

  #connected(io: IOStream): void {
    this.#io = io;
    this.#attempts.connected();
    // Before the queue is written, so that subscribers may send a greeting first.
    this.#status.next({ state: 'connected', attempt: this.#attempts.number, io });
    if (this.#io === io) this.#writes.attach(internalsOf(io), this.#attempts.number);
    if (this.#io === io && isOpenBothWays(io)) this.#followers.connected(io);
  }

  /** Called when the attempt failed or its connection closed. */
  #disconnected(end: ReadEnd): void {
    const closed = this.#io && internalsOf(this.#io).lifetime.report;
    this.#io = undefined;
    this.#attempts.ended();
    const { unsent, repeat } = this.#plan;
    const mustEnd = unsent === 'error' && this.pending > 0;
    if (this.#isClosing || !(mustEnd || repeat || 'error' in end)) {
      this.#finish(end);
      return;
    }
    try {
      const delay = mustEnd ? undefined : this.#attempts.delayAfter(end, closed);
      if (delay !== undefined) this.#wait(end, delay);
      else this.#finish('error' in end ? end : { error: connectionClosed(this.#attempts.number) });
    } catch (error) {
      this.#finish({ error });
    }
  }

  #wait(end: ReadEnd, delay: number): void {
    this.#detach(end, this.#plan.unsent === 'keep');
    if (!this.isOpen) return; // Closed by a subscriber.
    this.#attempts.wait(
      delay,
      () => this.#dial(),
      (error) => this.#finish({ error }),
    );
    this.#status.next({ state: 'waiting', attempt: this.#attempts.number, ...end, delay });
  }

  /** Detaches the writes from this attempt, then notifies the followers and reports unsent writes. */
  #detach(end: ReadEnd, keepUnwritten: boolean): void {
    const { number: attempt, hasConnected } = this.#attempts;
    const writes = this.#writes.detach(keepUnwritten, attempt);
    this.disconnected$.next();
    this.#followers.disconnected(() => this.lost$.next({ attempt, ...end }));
    // If the attempt never connected, kept writes are not reported.
    if (writes.some(({ kept }) => hasConnected || !kept)) this.#unsent.next({ attempt, ...end, writes });
  }

  #finish(end: ReadEnd): void {
    this.#end = end;
    this.#attempts.cancel();
    // Read before `#detach`, which ends the requests with this error.
    const isHandled = this.#isClosing || this.#status.observed || this.#followers.isErrorHandled;
    this.#detach(end, false);
    this.#status.next({ state: 'closed', attempt: this.#attempts.number, ...end });
    for (const subject of [this.#status, this.#unsent, this.#writes.blocked$, this.disconnected$, this.lost$]) subject.complete();
    this.#followers.ended(end, this.#isClosing);
    if ('error' in end && !isHandled) reportUnhandled(end.error);
  }
}

function isOpenBothWays(io: IOStream): boolean {
  return internalsOf(io).lifetime.isActive && !io.isEof;
}

function connectionClosed(attempt: number): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'close', message: `connection closed (attempt ${attempt})` });
}
