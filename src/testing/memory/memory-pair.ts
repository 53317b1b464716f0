import { Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { IOStreamError } from '../../errors.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { ownOptions } from '../../util/own-options.ts';
import { END, PAUSE, RESUME, type DataSignal, type Dial, type EndSignal, type Flow, type Up, type Wire } from '../../wire/signal.ts';
import type { TickTarget } from '../../util/tick-queue.ts';
import { Tick } from '../../util/tick.ts';
import { TimerQueue } from './timer-queue.ts';
import { Fifo } from '../../util/fifo.ts';
import { randomOf } from '../rechunk.ts';

/** The options of {@link memoryPair}. */
export interface MemoryPairOptions {
  /** One-way delay in ms. @default 0 */
  readonly latency?: number | undefined;
  /** Bytes per second in each direction. @default Infinity */
  readonly bandwidth?: number | undefined;
  /** Bytes in flight in one direction at which the sender is paused; it is resumed at half of them. @default 65536 */
  readonly limit?: number | undefined;
  /**
   * Where chunks are split in flight: the probability, 0 to 1, of a cut before each byte (1 = byte by byte). Or a function that is
   * called with a byte's offset in its direction and returns whether to cut before it. @default 0, chunks are not split
   */
  readonly cut?: number | ((offset: number) => boolean) | undefined;
  /** Seed of the random cuts: the same seed cuts the same bytes in the same places. @default 1 */
  readonly seed?: number | undefined;
  /** Times `latency` and `bandwidth`. @default the scheduler of the dial */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Creates two wires that are connected in memory, with backpressure, half-close and reset. Bytes written to one are emitted by the other.
 *
 * ```text
 *   app A ── Flow ──▶ [a] ── cut, latency, bandwidth, limit ──▶ [b] ── Up ──▶ app B
 * ```
 *
 * An end connects as soon as it is subscribed. An end that is never subscribed acts as a peer that never answers. Deterministic: on a
 * `TestScheduler`, all time is virtual.
 *
 * **Errors**
 * - An error of Flow, or unsubscribing before both FINs have been read, resets the other end: ECONNRESET after the bytes in flight.
 * - An end is single-use: a second subscription errors with EALREADY.
 *
 * **Closing**
 * - Completes when both FINs have been read.
 * - Completing Flow sends a FIN. Inbound bytes are then discarded until the other end's FIN. If the other end has read nothing for
 *   `timeouts.close` ms, completes and resets it.
 *
 * **Backpressure**
 * - Lossless. Bytes are queued until the other end reads them; `sent` is emitted when it has.
 *
 * **Memory**
 * - Chunks in flight are kept, not copied.
 *
 * ```ts
 * import { memoryPair } from 'rxjs-io-stream/testing';
 * import { IOStream } from 'rxjs-io-stream';
 *
 * const [a, b] = memoryPair();
 * new IOStream({ wire: b }).data$.subscribe((bytes) => console.log(bytes.toString()));
 * new IOStream({ wire: a }).end('hello');
 * ```
 *
 * @param options delay, rate, limit and cuts; all are optional.
 * @returns both ends.
 * @throws TypeError for a negative number, a `bandwidth` of 0, or a `cut` over 1.
 * @see {@link testDial} to subscribe an end without an `IOStream`.
 */
export function memoryPair(options: MemoryPairOptions = {}): readonly [Wire, Wire] {
  const given = ownOptions(options, 'memoryPair', ['latency', 'bandwidth', 'limit', 'cut', 'seed', 'scheduler']);
  check(given);
  const { seed = 1 } = given;
  // Even and odd: adjacent seeds do not share random numbers.
  const a = new PairEnd(given, seed * 2);
  const b = new PairEnd(given, seed * 2 + 1);
  a.peer = b;
  b.peer = a;
  return [a.wire, b.wire];
}

function check(options: MemoryPairOptions): void {
  for (const name of ['latency', 'bandwidth', 'limit', 'cut'] as const) {
    const value = options[name] ?? 0;
    if (typeof value === 'function') continue;
    if (!(value >= 0)) throw new TypeError(`expected \`${name}\` of memoryPair to be a number from 0 on, got ${value}`);
  }
  if (options.bandwidth === 0) throw new TypeError('expected `bandwidth` of memoryPair to be more than 0 bytes per second, got 0');
  if (typeof options.cut === 'number' && options.cut > 1)
    throw new TypeError(`expected \`cut\` of memoryPair to be a chance from 0 to 1, got ${options.cut}`);
}

interface Parcel {
  readonly signal: DataSignal | EndSignal | 'reset';
  readonly due: number;
}

class PairEnd implements TickTarget {
  peer!: PairEnd;
  readonly #options: MemoryPairOptions;
  readonly #limit: number;
  /** Cuts in the peer's bytes; `#offset` counts the bytes received so far. */
  readonly #cuts: ((offset: number) => boolean) | undefined;
  #offset = 0;
  #up: Subscriber<Up> | undefined;
  #dial: Dial | undefined;
  /** Signals of the peer that are not yet emitted. */
  readonly #inbox = new Fifo<Parcel>();
  /** Schedule the next delivery: at the end of the tick, or after the latency. */
  #tick: Tick | undefined;
  #timer: Subscription | undefined;
  /** When the last signal of the peer has passed the bandwidth limit, on the clock. */
  #busyUntil = 0;
  #connected = false;
  /** Outbound signals queued until this end is connected, so that `sent` never precedes `connected`. */
  #early: (DataSignal | EndSignal)[] | undefined = [];
  #paused = false;
  #closing = false;
  #inEnded = false;
  #outEnd: 'open' | 'given' | 'taken' = 'open';
  /** Bytes written that the peer has not read; `#full` is set while the application is paused because of them. */
  #inFlight = 0;
  #full = false;
  #closeTimer: Subscription | undefined;

  constructor(options: MemoryPairOptions, seed: number) {
    const { cut, limit = 65536 } = options;
    this.#options = options;
    this.#limit = limit;
    const random = randomOf(seed);
    this.#cuts = typeof cut === 'number' && cut > 0 ? () => random() < cut : typeof cut === 'function' ? cut : undefined;
  }

  readonly wire: Wire = (dial) => (flow$) =>
    new Observable<Up>((up) => {
      if (this.#dial) {
        up.error(
          new IOStreamError('EALREADY', {
            phase: 'connect',
            message: 'expected each end of a memoryPair to be subscribed once, got a second subscription; make a new pair',
          }),
        );
        return;
      }
      this.#dial = dial;
      this.#up = up;
      this.#tick = new Tick(this.#options.scheduler ?? dial.scheduler, this);
      const flow = guardedSubscriber<Flow>({
        next: (signal) => this.#take(signal),
        error: (error: unknown) => this.#reset(error),
        complete: () => this.#close(),
        caught: (error) => up.error(error),
      });
      up.add(() => {
        flow.unsubscribe();
        this.#free();
      });
      this.#schedule();
      flow$.subscribe(flow);
    });

  get #clock(): SchedulerLike | undefined {
    return this.#options.scheduler ?? this.#dial?.scheduler;
  }

  /** Signals are due on the clock of the peer that sent them: the clocks of the two dials may not be comparable. */
  get #now(): number {
    return this.peer.#clock?.now() ?? 0;
  }

  #take(signal: Flow): void {
    if (signal.kind === 'pause') this.#paused = true;
    else if (signal.kind === 'resume') {
      this.#paused = false;
      this.#schedule();
    } else if (this.#early) this.#early.push(signal);
    else this.#send(signal);
  }

  #send(signal: DataSignal | EndSignal): void {
    if (this.#outEnd !== 'open') return;
    const now = this.#clock?.now() ?? 0;
    if (signal.kind === 'end') {
      this.#outEnd = 'given';
      this.peer.#deliver(signal, now);
      return;
    }
    this.#inFlight += signal.bytes.length;
    for (const bytes of this.peer.#pieces(signal.bytes)) this.peer.#deliver({ kind: 'data', bytes }, now);
    if (this.#full || this.#inFlight < this.#limit) return;
    this.#full = true;
    this.#up?.next(PAUSE);
  }

  *#pieces(bytes: Uint8Array): Generator<Uint8Array> {
    let from = 0;
    for (let at = this.#cuts ? 1 : bytes.length; at < bytes.length; at += 1) {
      if (!this.#cuts?.(this.#offset + at)) continue;
      yield bytes.subarray(from, at);
      from = at;
    }
    this.#offset += bytes.length;
    yield bytes.subarray(from);
  }

  #deliver(signal: Parcel['signal'], now: number): void {
    const { latency = 0, bandwidth = Infinity } = this.#options;
    const size = signal !== 'reset' && signal.kind === 'data' ? signal.bytes.length : 0;
    this.#busyUntil = Math.max(now, this.#busyUntil) + (size / bandwidth) * 1000;
    this.#inbox.push({ signal, due: this.#busyUntil + latency });
    this.#schedule();
  }

  /** Delivers in a separate tick, so that two ends that answer at once do not recurse. */
  #schedule(): void {
    const clock = this.#clock;
    if (!this.#up || !clock || (this.#timer && !this.#timer.closed)) return;
    const head = this.#inbox.peek();
    if (this.#connected && (!head || (this.#paused && !this.#closing))) return;
    const delay = this.#connected && head ? Math.max(0, head.due - this.#now) : 0;
    if (delay > 0) this.#timer = TimerQueue.of(clock).schedule(() => this.onTick(), delay);
    else this.#tick?.request();
  }

  onTick(): void {
    this.#timer = undefined;
    if (this.#up) this.#run();
  }

  #run(): void {
    if (!this.#connected) {
      this.#connected = true;
      this.#up?.next({ kind: 'connected', details: [{ wire: 'memory' }] });
      // Signals that arrive meanwhile are queued behind these. Stop if the callback has unsubscribed.
      for (const signal of this.#early ?? []) if (this.#up) this.#send(signal);
      this.#early = undefined;
    }
    const now = this.#now;
    for (
      let head = this.#inbox.peek();
      head && head.due <= now && this.#up && (!this.#paused || this.#closing);
      head = this.#inbox.peek()
    ) {
      this.#inbox.shift();
      this.#give(head.signal);
    }
    this.#schedule();
  }

  #give(signal: Parcel['signal']): void {
    if (signal === 'reset') {
      this.#up?.error(
        new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'read ECONNRESET: the other end of the pair was reset' }),
      );
    } else if (signal.kind === 'data') {
      if (!this.#closing) this.#up?.next(signal);
      this.peer.#taken(signal.bytes.length);
    } else {
      this.#inEnded = true;
      if (!this.#closing) this.#up?.next(END);
      this.peer.#outEnd = 'taken';
      this.peer.#settle();
      this.#settle();
    }
  }

  #taken(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#closing) this.#watchClose();
    if (bytes > 0) this.#up?.next({ kind: 'sent', bytes });
    if (this.#full && this.#inFlight <= this.#limit / 2) {
      this.#full = false;
      this.#up?.next(RESUME);
    }
  }

  #settle(): void {
    if (this.#inEnded && this.#outEnd === 'taken') this.#up?.complete();
  }

  #close(): void {
    this.#closing = true;
    this.#take(END);
    this.#settle();
    this.#watchClose();
    this.#schedule();
  }

  #watchClose(): void {
    const dial = this.#dial;
    if (!dial || !this.#up) return;
    this.#closeTimer?.unsubscribe();
    this.#closeTimer = TimerQueue.of(dial.scheduler).schedule(() => this.#up?.complete(), dial.timeouts.close);
  }

  #reset(reason: unknown): void {
    this.#up?.error(reason);
  }

  #free(): void {
    this.#up = undefined;
    this.#tick?.cancel();
    this.#timer?.unsubscribe();
    this.#closeTimer?.unsubscribe();
    this.#inbox.clear();
    if (!this.#inEnded || this.#outEnd !== 'taken') this.peer.#deliver('reset', this.#clock?.now() ?? 0);
  }
}
