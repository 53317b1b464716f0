import { BehaviorSubject, type SchedulerLike } from 'rxjs';
import { EOUTBUFLIMIT, ECLOSED, ETOWRITE, IOStreamError } from '../errors.ts';
import { OUT, SENT, type EventMask } from '../events.ts';
import { lostBytes } from '../wire/lost-bytes.ts';
import { END, type Flow } from '../wire/signal.ts';
import { asBuffer } from './bytes.ts';
import { OutputQueue } from './output-queue.ts';
import { Watchdog, type Watched } from './watchdog.ts';

/** What the write side needs of its stream. */
export interface WriteHost {
  readonly scheduler: SchedulerLike;
  readonly outBufLimit: number;
  readonly highWaterMark: number;
  readonly writeTimeout: number;
  give(signal: Flow): void;
  notify(mask: EventMask): void;
  raise(error: IOStreamError): void;
  /** Accepted bytes are gone: the stream fails. The wire is reset only if bytes were written before them. */
  failLost(error: IOStreamError, wereWritten: boolean): void;
  /** Do what is due at the end of this tick. */
  pulse(): void;
  /** Flush, not before the caller has returned. */
  flushSoon(): void;
}

/** Somebody who is told whenever bytes have left. */
export interface Waiter {
  left(): void;
}

const NOBODY: readonly never[] = Object.freeze([]);

/**
 * The way down: what waits to be given, what was given and has not left, and the end.
 *
 * Positions are totals since the start: `left <= given <= accepted`.
 */
export class WriteSide implements Watched {
  readonly queue: OutputQueue = new OutputQueue();
  readonly #host: WriteHost;
  /** Made when bytes wait for the first time: many a stream only reads. */
  #watchdog: Watchdog | undefined;
  #open = false;
  /** The wire asked us to stop. */
  #held = false;
  #ending: 'no' | 'wanted' | 'given' = 'no';
  #given = 0;
  #left = 0;
  /** SENT is owed: bytes went down since the last one. */
  #owesSent = false;
  #flushing = false;
  #stopped = false;
  /** Bytes have been waiting since the watchdog was told. */
  #waits = false;
  #blocked: BehaviorSubject<boolean> | undefined;
  /** What `blocked$` told last; asked at each write. */
  #toldBlocked = false;
  /** So many waiting bytes are enough: whoever heeds it is never refused. */
  #mark = 0;
  #limit = 0;
  /** Never changed in place: who comes and goes meanwhile changes nothing for a round. Hardly ever more than one. */
  #waiters: readonly Waiter[] = NOBODY;

  constructor(host: WriteHost) {
    this.#host = host;
    this.outBufLimit = host.outBufLimit;
  }

  /** A write is refused while so many bytes wait; 0 is no limit. */
  get outBufLimit(): number {
    return this.#limit;
  }

  set outBufLimit(limit: number) {
    const { highWaterMark } = this.#host;
    this.#limit = limit;
    this.#mark = limit > 0 ? Math.min(highWaterMark, limit) : highWaterMark;
    this.#tellBlocked();
  }

  // Watched: bytes that wait should leave

  get limit(): number {
    return this.#host.writeTimeout;
  }

  get awaits(): boolean {
    return this.#open && this.pending > 0;
  }

  alarm(): void {
    const message = `expected some of ${this.pending} waiting bytes to leave within ${this.limit} ms, none did: the peer does not read; raise timeouts.write or close the stream`;
    this.#host.raise(new IOStreamError(ETOWRITE, { phase: 'write', message }));
  }

  /** Bytes that wait: not given down yet, or given and not left. */
  get pending(): number {
    return this.queue.length + this.#given - this.#left;
  }

  get left(): number {
    return this.#left;
  }

  /** The position behind the last byte that was accepted. */
  get accepted(): number {
    return this.#given + this.queue.length;
  }

  get blocked(): boolean {
    return this.pending >= this.#mark;
  }

  /** Whether a write or end can still be accepted. */
  get ended(): boolean {
    return this.#ending !== 'no';
  }

  get blocked$(): BehaviorSubject<boolean> {
    if (!this.#blocked) {
      this.#toldBlocked = this.blocked;
      this.#blocked = new BehaviorSubject(this.#toldBlocked);
      if (this.#stopped) this.#blocked.complete();
    }
    return this.#blocked;
  }

  /** Accepts bytes, which leave at the end of the tick, or says why not. */
  accept(bytes: Buffer): IOStreamError | undefined {
    const refusal = this.queueUp(bytes);
    if (!refusal) this.#host.flushSoon();
    return refusal;
  }

  /** As `accept`, for who flushes by himself when he has given all he has. */
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

  /** The queue has more to give. */
  grown(): void {
    this.#noteGrown();
    this.#host.flushSoon();
  }

  /** The queue was replaced: nobody waits for bytes that will never leave. */
  replaced(): void {
    this.#noteWaiting();
    this.#settle();
  }

  end(): void {
    this.#ending = 'wanted';
    this.#host.pulse();
  }

  wait(waiter: Waiter): () => void {
    this.#waiters = [...this.#waiters, waiter];
    return () => {
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
    };
  }

  /** The stack is connected: `flush` gives from now on. */
  open(): void {
    this.#open = true;
    this.#noteWaiting();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.flush();
  }

  /** Gives down as much as the wire takes, and the end when all is given. */
  flush(): void {
    if (!this.#open || this.#flushing) return;
    this.#flushing = true;
    let gave = false;
    while (!this.#held && this.queue.length > 0 && this.#give()) gave = true;
    if (this.#ending === 'wanted' && this.queue.length === 0) {
      this.#ending = 'given';
      this.#host.give(END);
    }
    this.#flushing = false;
    if (gave) this.#owesSent = true;
    this.#report(gave ? OUT : 0);
  }

  /** Gives down all there is, however full the wire: it is closing, and whoever paused still takes what is in flight. */
  flushAll(): void {
    while (this.#open && this.queue.length > 0 && this.#give());
    this.#watchdog?.stop();
  }

  sent(bytes: number): void {
    this.#left += bytes;
    this.#waits = false; // what still waits, waits from now on
    this.#noteWaiting();
    this.#settle();
    if (!this.#flushing) this.#report(0);
  }

  /** The limit of time changed. */
  retime(): void {
    this.#watchdog?.restart();
  }

  stop(): void {
    this.#stopped = true;
    this.#open = false;
    this.#watchdog?.stop();
    this.#blocked?.complete();
    this.#waiters = NOBODY;
  }

  /** @returns whether there may be more to give: not when bytes were lost, which fails the stream. */
  #give(): boolean {
    const bytes = this.queue.next();
    if (!bytes) {
      this.#host.failLost(lostBytes(), this.#given > 0);
      return false;
    }
    this.#given += bytes.length;
    this.#host.give({ kind: 'data', bytes: asBuffer(bytes) });
    return true;
  }

  #noteGrown(): void {
    if (!this.#waits) this.#noteWaiting();
    if (this.#blocked) this.#tellBlocked();
  }

  /** The time counts from when bytes begin to wait; more of them do not begin it anew. */
  #noteWaiting(): void {
    const waits = this.#open && this.pending > 0;
    if (waits && !this.#waits) (this.#watchdog ??= new Watchdog(this.#host.scheduler, this)).touch();
    this.#waits = waits;
  }

  #settle(): void {
    for (const waiter of this.#waiters) waiter.left();
    this.#tellBlocked();
  }

  #tellBlocked(): void {
    if (!this.#blocked || (this.#toldBlocked ? this.pending > this.#mark / 2 : !this.blocked)) return;
    this.#toldBlocked = !this.#toldBlocked;
    this.#blocked.next(this.#toldBlocked);
  }

  #report(mask: EventMask): void {
    const all = this.#owesSent && this.pending === 0;
    if (all) this.#owesSent = false;
    const events = all ? mask | SENT : mask;
    if (events !== 0) this.#host.notify(events);
  }
}
