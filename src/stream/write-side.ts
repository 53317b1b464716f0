import { BehaviorSubject, type SchedulerLike } from 'rxjs';
import { EOUTBUFLIMIT, ECLOSED, ETOWRITE, IOStreamError } from '../errors.ts';
import { OUT, SENT, type EventMask } from '../events.ts';
import { lostBytes } from '../wire/lost-bytes.ts';
import { END, type Flow } from '../wire/signal.ts';
import { asBuffer } from './bytes.ts';
import { OutputQueue } from './output-queue.ts';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';

/** The parts of the stream that the write side uses. */
export interface WriteHost {
  readonly scheduler: SchedulerLike;
  readonly outBufLimit: number;
  readonly highWaterMark: number;
  readonly writeTimeout: number;
  send(signal: Flow): void;
  notify(mask: EventMask): void;
  report(error: IOStreamError): void;
  /** Fails the stream because accepted bytes were lost. Resets the wire only if bytes were written before them. */
  failLost(error: IOStreamError, wereWritten: boolean): void;
  /** Requests `onTick` at the end of this tick. */
  requestTick(): void;
  /** Schedules a flush for after the caller has returned. */
  flushSoon(): void;
}

/** Notified whenever bytes have been sent. */
export interface SentObserver {
  onSent(): void;
}

const NO_OBSERVERS: readonly never[] = Object.freeze([]);

/**
 * Holds the outbound direction: the queued bytes, the count of written and sent bytes, and the end.
 *
 * Positions are totals since the start: sent (`left`) <= written (`given`) <= accepted.
 */
export class WriteSide implements WatchdogTarget {
  readonly queue: OutputQueue = new OutputQueue();
  readonly #host: WriteHost;
  /** Created when bytes are first pending: many streams only read. */
  #watchdog: Watchdog | undefined;
  #open = false;
  /** The wire has paused writing. */
  #paused = false;
  #ending: 'no' | 'wanted' | 'given' = 'no';
  #written = 0;
  #sent = 0;
  /** SENT is due: bytes were written since the last one. */
  #sentDue = false;
  #flushing = false;
  #stopped = false;
  /** Bytes have been pending since the watchdog was last armed. */
  #waiting = false;
  #blocked: BehaviorSubject<boolean> | undefined;
  /** The last value of `blocked$`; read at each write. */
  #lastBlocked = false;
  /** Pending bytes from which `write` returns false. The writes of a caller that then waits are never rejected. */
  #mark = 0;
  #limit = 0;
  /** Copied on change, so that changes during a notification do not affect it. Rarely more than one. */
  #waiters: readonly SentObserver[] = NO_OBSERVERS;

  constructor(host: WriteHost) {
    this.#host = host;
    this.outBufLimit = host.outBufLimit;
  }

  /** Writes are rejected while at least this many bytes are pending; 0 = no limit. */
  get outBufLimit(): number {
    return this.#limit;
  }

  set outBufLimit(limit: number) {
    const { highWaterMark } = this.#host;
    this.#limit = limit;
    this.#mark = limit > 0 ? Math.min(highWaterMark, limit) : highWaterMark;
    this.#emitBlocked();
  }

  // Watched: pending bytes are expected to be sent

  get limit(): number {
    return this.#host.writeTimeout;
  }

  get isWaiting(): boolean {
    return this.#open && this.pending > 0;
  }

  onTimeout(): void {
    const message = `expected some of ${this.pending} waiting bytes to leave within ${this.limit} ms, none did: the peer does not read; raise timeouts.write or close the stream`;
    this.#host.report(new IOStreamError(ETOWRITE, { phase: 'write', message }));
  }

  /** Bytes that were accepted and not sent yet: queued, or written. */
  get pending(): number {
    return this.queue.length + this.#written - this.#sent;
  }

  get sent(): number {
    return this.#sent;
  }

  /** The position after the last accepted byte. */
  get accepted(): number {
    return this.#written + this.queue.length;
  }

  get blocked(): boolean {
    return this.pending >= this.#mark;
  }

  /** Whether our direction has ended, or is about to: writes are rejected. */
  get ended(): boolean {
    return this.#ending !== 'no';
  }

  get blocked$(): BehaviorSubject<boolean> {
    if (!this.#blocked) {
      this.#lastBlocked = this.blocked;
      this.#blocked = new BehaviorSubject(this.#lastBlocked);
      if (this.#stopped) this.#blocked.complete();
    }
    return this.#blocked;
  }

  /** Queues bytes and schedules a flush. Returns an error if they are rejected. */
  accept(bytes: Buffer): IOStreamError | undefined {
    const refusal = this.queueUp(bytes);
    if (!refusal) this.#host.flushSoon();
    return refusal;
  }

  /** Queues bytes as `accept` does, for a caller that flushes itself. */
  queueUp(bytes: Buffer): IOStreamError | undefined {
    if (this.ended)
      return new IOStreamError(ECLOSED, { phase: 'write', message: 'expected no write after end(), got one; its bytes were not taken' });
    const limit = this.#limit;
    if (limit > 0 && this.pending >= limit) {
      const message = `expected less than outBufLimit = ${limit} bytes to be waiting, got ${this.pending}; the write of ${bytes.length} bytes was refused: wait for SENT, for output.blocked$ or use send()`;
      return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
    }
    this.queue.push(bytes);
    this.#noteGrown();
    return undefined;
  }

  /** Schedules a flush after the queue was extended. */
  grown(): void {
    this.#noteGrown();
    this.#host.flushSoon();
  }

  /** Updates waiters and `blocked$` after the queue was replaced: the replaced bytes will never be sent. */
  replaced(): void {
    this.#noteWaiting();
    this.#settle();
  }

  end(): void {
    this.#ending = 'wanted';
    this.#host.requestTick();
  }

  /** Adds a waiter. Returns the function that removes it. */
  wait(waiter: SentObserver): () => void {
    this.#waiters = [...this.#waiters, waiter];
    return () => {
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
    };
  }

  /** Enables `flush`: the stack is connected. */
  open(): void {
    this.#open = true;
    this.#noteWaiting();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.flush();
  }

  /** Writes queued bytes until the wire pauses, then the end when the queue is empty. */
  flush(): void {
    if (!this.#open || this.#flushing) return;
    this.#flushing = true;
    let gave = false;
    while (!this.#paused && this.queue.length > 0 && this.#write()) gave = true;
    if (this.#ending === 'wanted' && this.queue.length === 0) {
      this.#ending = 'given';
      this.#host.send(END);
    }
    this.#flushing = false;
    if (gave) this.#sentDue = true;
    this.#report(gave ? OUT : 0);
  }

  /** Writes all queued bytes before a close, even if the wire has paused: a layer that paused still accepts bytes in flight. */
  flushAll(): void {
    while (this.#open && this.queue.length > 0 && this.#write());
    this.#watchdog?.stop();
  }

  onSent(bytes: number): void {
    this.#sent += bytes;
    this.#waiting = false; // Bytes were sent: restart the timeout for those that are still pending.
    this.#noteWaiting();
    this.#settle();
    if (!this.#flushing) this.#report(0);
  }

  /** Restarts the watchdog: `timeouts.write` has changed. */
  resetTimeout(): void {
    this.#watchdog?.restart();
  }

  stop(): void {
    this.#stopped = true;
    this.#open = false;
    this.#watchdog?.stop();
    this.#blocked?.complete();
    this.#waiters = NO_OBSERVERS;
  }

  /** @returns whether a chunk was written. False when bytes were lost, which fails the stream. */
  #write(): boolean {
    const bytes = this.queue.next();
    if (!bytes) {
      this.#host.failLost(lostBytes(), this.#written > 0);
      return false;
    }
    this.#written += bytes.length;
    this.#host.send({ kind: 'data', bytes: asBuffer(bytes) });
    return true;
  }

  #noteGrown(): void {
    if (!this.#waiting) this.#noteWaiting();
    if (this.#blocked) this.#emitBlocked();
  }

  /** Arms the watchdog when bytes become pending. Further bytes do not restart it. */
  #noteWaiting(): void {
    const waits = this.#open && this.pending > 0;
    if (waits && !this.#waiting) (this.#watchdog ??= new Watchdog(this.#host.scheduler, this)).touch();
    this.#waiting = waits;
  }

  #settle(): void {
    for (const waiter of this.#waiters) waiter.onSent();
    this.#emitBlocked();
  }

  #emitBlocked(): void {
    if (!this.#blocked || (this.#lastBlocked ? this.pending > this.#mark / 2 : !this.blocked)) return;
    this.#lastBlocked = !this.#lastBlocked;
    this.#blocked.next(this.#lastBlocked);
  }

  #report(mask: EventMask): void {
    const all = this.#sentDue && this.pending === 0;
    if (all) this.#sentDue = false;
    const events = all ? mask | SENT : mask;
    if (events !== 0) this.#host.notify(events);
  }
}
