import { Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { inlet } from '../wire/operate.ts';
import { ownOptions } from '../wire/own-options.ts';
import { END, PAUSE, RESUME, type DataSignal, type Dial, type EndSignal, type Flow, type Up, type Wire } from '../wire/signal.ts';
import { Tick, type TickTarget } from '../wire/tick.ts';
import { Agenda } from './agenda.ts';
import { Fifo } from './fifo.ts';
import { randomOf } from './rechunk.ts';

/** How the two ends of a pair are joined. */
export interface MemoryPairOptions {
  /** Milliseconds from one end to the other. @default 0 */
  readonly latency?: number | undefined;
  /** Bytes per second, in each direction. @default Infinity */
  readonly bandwidth?: number | undefined;
  /** How many bytes may be on their way in one direction before the sender is paused. @default 65536 */
  readonly limit?: number | undefined;
  /**
   * How the bytes are cut on their way: the chance, from 0 to 1, of a cut before each byte (1 is byte by byte), or a function
   * that is asked for each byte of a direction, by its offset, whether there is one. @default 0, they come as they were given
   */
  readonly cut?: number | ((offset: number) => boolean) | undefined;
  /** Of the chances: the same seed cuts the same bytes in the same places. @default 1 */
  readonly seed?: number | undefined;
  /** The clock of latency and bandwidth. @default the scheduler of the dial */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Two wires joined in memory: what goes down one comes up the other, with backpressure, half-close and reset.
 *
 * ```text
 *   app A ── Flow ──▶ [a] ── cut, latency, bandwidth, limit ──▶ [b] ── Up ──▶ app B
 * ```
 *
 * An end is single-use: a second subscription errors. It is connected at once; bytes wait for the other end, and are `sent`
 * when the other end took them. Flow that completes is a FIN; the rest that comes is discarded until the other end's FIN or
 * `timeouts.close`. Flow that errors, and unsubscribing, reset the other end (ECONNRESET, after the bytes that were on their
 * way). An end that is never subscribed is a peer that never answers. Deterministic; on a `TestScheduler` all of its time is
 * virtual: an hour passes in milliseconds. Lossless.
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
 * @returns both ends.
 * @throws TypeError when a number is negative, the bandwidth 0, or the chance of a cut over 1.
 */
export function memoryPair(options: MemoryPairOptions = {}): readonly [Wire, Wire] {
  const given = ownOptions(options, 'memoryPair', ['latency', 'bandwidth', 'limit', 'cut', 'seed', 'scheduler']);
  check(given);
  const { seed = 1 } = given;
  // Odd and even: no two seeds that follow each other share a direction's numbers.
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
  /** Where the peer's bytes are cut, and how many have come so far. */
  readonly #cuts: ((offset: number) => boolean) | undefined;
  #offset = 0;
  #up: Subscriber<Up> | undefined;
  #dial: Dial | undefined;
  /** What the peer sent and we have not given up yet. */
  readonly #inbox = new Fifo<Parcel>();
  /** The next delivery: at the end of the tick, or after the latency. */
  #tick: Tick | undefined;
  #timer: Subscription | undefined;
  /** When the last parcel of the peer is through, on the clock. */
  #busyUntil = 0;
  #connected = false;
  /** What was given before we are connected, so that no `sent` comes before `connected`. */
  #early: (DataSignal | EndSignal)[] | undefined = [];
  #paused = false;
  #closing = false;
  #inEnded = false;
  #outEnd: 'open' | 'given' | 'taken' = 'open';
  /** Bytes we gave that the peer has not taken, and whether we paused our application for them. */
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
      const flow = inlet<Flow>({
        next: (signal) => this.#take(signal),
        error: (error: unknown) => this.#reset(error),
        complete: () => this.#close(),
        fail: (error) => up.error(error),
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

  /** The peer's parcels are due on the peer's clock: the two dials may have clocks that cannot be compared. */
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

  /** Each delivery has a tick of its own: no recursion, however fast the two ends answer each other. */
  #schedule(): void {
    const clock = this.#clock;
    if (!this.#up || !clock || (this.#timer && !this.#timer.closed)) return;
    const head = this.#inbox.peek();
    if (this.#connected && (!head || (this.#paused && !this.#closing))) return;
    const delay = this.#connected && head ? Math.max(0, head.due - this.#now) : 0;
    if (delay > 0) this.#timer = Agenda.of(clock).schedule(() => this.onTick(), delay);
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
      // What is given from inside belongs behind what waits; and who has left gives nothing any more.
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
    this.#closeTimer = Agenda.of(dial.scheduler).schedule(() => this.#up?.complete(), dial.timeouts.close);
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
