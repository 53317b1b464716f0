import { BehaviorSubject } from 'rxjs';
import { EOUTBUFLIMIT, ECLOSED, ETOWRITE, IOStreamError } from '../errors.ts';
import { OUT, SENT, type EventMask } from '../events.ts';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';
import { lostBytes } from '../wire/lost-bytes.ts';
import { END } from '../wire/signal.ts';
import { asBytes, type Bytes } from './bytes.ts';
import { publishLimit, publishPaused } from './connection-diagnostics.ts';
import type { ConnectionParts } from './connection-parts.ts';
import { OutputQueue } from './output-queue.ts';
import { SentObservers, type SentObserver } from './sent-observers.ts';

/** The queue of all streams that have written nothing yet; always empty. */
const NO_QUEUE = /* @__PURE__ */ new OutputQueue();

/**
 * Holds the outbound direction: the queued bytes, the count of written and sent bytes, and the end.
 *
 * Positions are totals since the start: sent <= written <= accepted.
 */
export class WriteSide implements WatchdogTarget {
  /** Created with the first write. */
  #queue = NO_QUEUE;
  readonly #parts: ConnectionParts;
  /** Created when bytes are first pending: many streams only read. */
  #watchdog: Watchdog | undefined;
  #open = false;
  /** The wire has paused writing. */
  #paused = false;
  #ending: 'no' | 'due' | 'sent' = 'no';
  #written = 0;
  /** Bytes that were sent. */
  sent = 0;
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
  /** Created with the first observer. */
  #observers: SentObservers | undefined;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.updateMark();
  }

  /** The queued bytes. */
  get queue(): OutputQueue {
    if (this.#queue === NO_QUEUE) this.#queue = new OutputQueue();
    return this.#queue;
  }

  /** Recomputes the pending bytes from which `write` returns false: `outBufLimit` has changed. */
  updateMark(): void {
    const { highWaterMark, outBufLimit } = this.#parts.settings;
    this.#mark = outBufLimit > 0 ? Math.min(highWaterMark, outBufLimit) : highWaterMark;
    this.#emitBlocked();
  }

  // Watched: pending bytes are expected to be sent

  get limit(): number {
    return this.#parts.settings.timeouts.write;
  }

  get isWaiting(): boolean {
    return this.#open && this.pending > 0;
  }

  onTimeout(): void {
    const message = `none of ${this.pending} pending bytes was sent for ${this.limit} ms (timeouts.write): the peer does not read`;
    this.#parts.errors.report(new IOStreamError(ETOWRITE, { phase: 'write', message }));
  }

  /** Bytes that were accepted and not sent yet: queued, or written. */
  get pending(): number {
    return this.#queue.length + this.#written - this.sent;
  }

  /** The position after the last accepted byte. */
  get accepted(): number {
    return this.#written + this.#queue.length;
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
  accept(bytes: Bytes): IOStreamError | undefined {
    const error = this.queueUp(bytes);
    if (!error) this.#parts.flushSoon();
    return error;
  }

  /** Queues bytes as `accept` does, for a caller that flushes itself. */
  queueUp(bytes: Bytes): IOStreamError | undefined {
    if (this.ended) return new IOStreamError(ECLOSED, { phase: 'write', message: 'write after end(): its bytes were not accepted' });
    const limit = this.#parts.settings.outBufLimit;
    if (limit > 0 && this.pending >= limit) {
      publishLimit(this.#parts, 'outBufLimit', limit, this.pending);
      const message = `a write of ${bytes.length} bytes was rejected: ${this.pending} bytes are pending (outBufLimit = ${limit}); wait for SENT or output.blocked$, or use send()`;
      return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
    }
    this.queue.push(bytes);
    this.#noteGrown();
    return undefined;
  }

  /** Schedules a flush after the queue was extended. */
  grown(): void {
    this.#noteGrown();
    this.#parts.flushSoon();
  }

  /** Updates observers and `blocked$` after the queue was replaced: the replaced bytes will never be sent. */
  replaced(): void {
    this.#noteWaiting();
    this.#observers?.replaced(this.accepted);
    this.#emitBlocked();
  }

  end(): void {
    this.#ending = 'due';
    this.#parts.requestTick();
  }

  /**
   * Adds an observer of sent bytes. Returns the function that removes it.
   *
   * @param start position after which its bytes start. Without it, it is notified of all bytes.
   */
  observe(observer: SentObserver, start?: number): () => void {
    return (this.#observers ??= new SentObservers()).add(observer, start);
  }

  /** Enables `flush`: the stack is connected. */
  open(): void {
    this.#open = true;
    this.#noteWaiting();
  }

  pause(): void {
    if (!this.#paused) publishPaused(this.#parts, 'out', true);
    this.#paused = true;
  }

  resume(): void {
    if (this.#paused) publishPaused(this.#parts, 'out', false);
    this.#paused = false;
    this.flush();
  }

  /** Writes queued bytes until the wire pauses, then the end when the queue is empty. */
  flush(): void {
    if (!this.#open || this.#flushing) return;
    this.#flushing = true;
    let hasWritten = false;
    while (!this.#paused && this.#queue.length > 0 && this.#write()) hasWritten = true;
    if (this.#ending === 'due' && this.#queue.length === 0) {
      this.#ending = 'sent';
      this.#parts.flow.next(END);
    }
    this.#flushing = false;
    if (hasWritten) this.#sentDue = true;
    this.#report(hasWritten ? OUT : 0);
  }

  /** Writes all queued bytes before a close, even if the wire has paused: a layer that paused still accepts bytes in flight. */
  flushAll(): void {
    while (this.#open && this.#queue.length > 0 && this.#write());
    this.#watchdog?.stop();
  }

  onSent(bytes: number): void {
    this.sent += bytes;
    this.#waiting = false; // Bytes were sent: restart the timeout for those that are still pending.
    this.#noteWaiting();
    this.#observers?.notify(this.sent);
    this.#emitBlocked();
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
    this.#observers = undefined;
  }

  /** @returns whether a chunk was written. False when bytes were lost, which fails the stream. */
  #write(): boolean {
    const bytes = this.#queue.next();
    if (!bytes) {
      this.#parts.failLost(lostBytes(), this.#written > 0);
      return false;
    }
    this.#written += bytes.length;
    this.#parts.io.outBytes += bytes.length;
    this.#parts.flow.next({ kind: 'data', bytes: asBytes(bytes) });
    return true;
  }

  #noteGrown(): void {
    if (!this.#waiting) this.#noteWaiting();
    if (this.#blocked) this.#emitBlocked();
  }

  /** Arms the watchdog when bytes become pending. Further bytes do not restart it. */
  #noteWaiting(): void {
    const waits = this.#open && this.pending > 0;
    if (waits && !this.#waiting) (this.#watchdog ??= new Watchdog(this.#parts.settings.scheduler, this)).touch();
    this.#waiting = waits;
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
    if (events !== 0) this.#parts.notifier.notify(events);
  }
}
