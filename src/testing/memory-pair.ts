import { asapScheduler, Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { inlet } from '../wire/operate.ts';
import { END, PAUSE, RESUME, type DataSignal, type Dial, type EndSignal, type Flow, type Up, type Wire } from '../wire/signal.ts';
import { after } from '../wire/timer.ts';
import { Fifo } from './fifo.ts';

/** How the two ends of a pair are joined. */
export interface MemoryPairOptions {
  /** Milliseconds from one end to the other. @default 0 */
  readonly latency?: number | undefined;
  /** Bytes per second, in each direction. @default Infinity */
  readonly bandwidth?: number | undefined;
  /** How many bytes may be on their way in one direction before the sender is paused. @default 65536 */
  readonly limit?: number | undefined;
  /** The clock of latency and bandwidth. @default the scheduler of the dial */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Two wires joined in memory: what goes down one comes up the other, with backpressure, half-close and reset.
 *
 * ```text
 *   app A ── Flow ──▶ [a] ── latency, bandwidth, limit ──▶ [b] ── Up ──▶ app B
 * ```
 *
 * An end is single-use: a second subscription errors. It is connected at once; bytes wait for the other end, and are `sent`
 * when the other end took them. Flow that completes is a FIN; the rest that comes is discarded until the other end's FIN or
 * `timeouts.close`. Flow that errors, and unsubscribing, reset the other end (ECONNRESET, after the bytes that were on their
 * way). Deterministic; on a `TestScheduler` all of its time is virtual. Lossless.
 *
 * ```ts
 * import { memoryPair } from 'rxjs-io-stream/testing';
 * import { IOStream } from 'rxjs-io-stream';
 *
 * const [a, b] = memoryPair();
 * new IOStream({ wire: b }).data$.subscribe((bytes) => console.log(bytes.toString()));
 * new IOStream({ wire: a }).end('hello');
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): readonly [Wire, Wire] {
  const a = new PairEnd(options);
  const b = new PairEnd(options);
  a.peer = b;
  b.peer = a;
  return [a.wire, b.wire];
}

interface Parcel {
  readonly signal: DataSignal | EndSignal | 'reset';
  readonly due: number;
}

/** So many deliveries may follow each other in one turn of the event loop before timers and sockets get theirs. */
const TURN = 256;

class PairEnd {
  peer!: PairEnd;
  readonly #options: MemoryPairOptions;
  readonly #limit: number;
  #up: Subscriber<Up> | undefined;
  #dial: Dial | undefined;
  /** What the peer sent and we have not given up yet. */
  readonly #inbox = new Fifo<Parcel>();
  #job: Subscription | undefined;
  #deliveries = 0;
  /** When the last parcel of the peer is through, on the clock. */
  #busyUntil = 0;
  #connected = false;
  /** What was given before we are connected, so that no `sent` comes before `connected`. */
  #early: Flow[] | undefined = [];
  #paused = false;
  #closing = false;
  #inEnded = false;
  #outEnd: 'open' | 'given' | 'taken' = 'open';
  /** Bytes we gave that the peer has not taken, and whether we paused our application for them. */
  #inFlight = 0;
  #full = false;
  #closeTimer: Subscription | undefined;

  constructor(options: MemoryPairOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 65536;
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
    } else if (this.#early) {
      this.#early.push(signal);
    } else if (this.#outEnd === 'open') {
      if (signal.kind === 'end') this.#outEnd = 'given';
      else this.#inFlight += signal.bytes.length;
      this.peer.#deliver(signal, this.#clock?.now() ?? 0);
      if (!this.#full && this.#inFlight >= this.#limit) {
        this.#full = true;
        this.#up?.next(PAUSE);
      }
    }
  }

  #deliver(signal: Parcel['signal'], now: number): void {
    const { latency = 0, bandwidth = Infinity } = this.#options;
    const size = signal !== 'reset' && signal.kind === 'data' ? signal.bytes.length : 0;
    this.#busyUntil = Math.max(now, this.#busyUntil) + (size / bandwidth) * 1000;
    this.#inbox.push({ signal, due: this.#busyUntil + latency });
    this.#schedule();
  }

  /** Deliveries always have a tick of their own: no recursion, however fast the two ends answer each other. */
  #schedule(): void {
    const clock = this.#clock;
    if (!this.#up || !clock || (this.#job && !this.#job.closed)) return;
    const head = this.#inbox.peek();
    if (this.#connected && (!head || (this.#paused && !this.#closing))) return;
    const delay = this.#connected && head ? Math.max(0, head.due - this.#now) : 0;
    this.#deliveries += 1;
    const job = (): void => this.#run();
    this.#job = delay > 0 || this.#deliveries % TURN === 0 ? clock.schedule(job, delay) : asapScheduler.schedule(job);
  }

  #run(): void {
    this.#job = undefined;
    if (!this.#connected) {
      this.#connected = true;
      this.#up?.next({ kind: 'connected', details: [{ wire: 'memory' }] });
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const signal of early) this.#take(signal);
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
    this.#closeTimer = after(dial.timeouts.close, dial.scheduler, () => this.#up?.complete());
  }

  #reset(reason: unknown): void {
    this.#up?.error(reason);
  }

  #free(): void {
    this.#up = undefined;
    this.#job?.unsubscribe();
    this.#closeTimer?.unsubscribe();
    this.#inbox.clear();
    if (!this.#inEnded || this.#outEnd !== 'taken') this.peer.#deliver('reset', this.#clock?.now() ?? 0);
  }
}
