import { Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { IOStreamError } from '../../errors.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { type TickTarget, ticksOf, type TickQueue } from '../../util/tick-queue.ts';
import { END, PAUSE, RESUME, type DataSignal, type Dial, type EndSignal, type Flow, type Up, type Wire } from '../../wire/signal.ts';
import { TimerQueue } from './timer-queue.ts';
import { Transit, type TransitOptions, type TransitSignal } from './transit.ts';

/** The options of both ends. See `MemoryPairOptions`. */
export interface PairEndOptions extends TransitOptions {
  readonly limit?: number | undefined;
  readonly scheduler?: SchedulerLike | undefined;
}

/** One end of a `memoryPair`: the wire, and the direction toward it. */
export class PairEnd implements TickTarget {
  peer!: PairEnd;
  readonly #limit: number;
  readonly #scheduler: SchedulerLike | undefined;
  /** Signals of the peer that are not yet emitted. */
  readonly #inbound: Transit;
  #dial: Dial | undefined;
  #up: Subscriber<Up> | undefined;
  /** Schedule the next delivery: at the end of the tick, or when the next signal arrives. */
  isTickDue = false;
  #ticks: TickQueue | undefined;
  #timer: Subscription | undefined;
  #closeTimer: Subscription | undefined;
  #isConnected = false;
  /** Outbound signals queued until this end is connected, so that `sent` never precedes `connected`. */
  #deferred: (DataSignal | EndSignal)[] | undefined = [];
  /** Whether the application has paused this end, and whether it has completed Flow: inbound data is then discarded. */
  #isPaused = false;
  #isClosing = false;
  #inboundEnded = false;
  #outboundEnd: 'open' | 'sent' | 'read' = 'open';
  /** Bytes written that the peer has not read; `#isFull` is set while the application is paused because of them. */
  #inFlight = 0;
  #isFull = false;

  constructor(options: PairEndOptions, seed: number) {
    const { limit = 65536, scheduler } = options;
    this.#limit = limit;
    this.#scheduler = scheduler;
    this.#inbound = new Transit(options, seed);
  }

  readonly wire: Wire = (dial) => (flow$) =>
    new Observable<Up>((up) => {
      if (this.#dial) {
        up.error(alreadySubscribed());
        return;
      }
      this.#dial = dial;
      this.#up = up;
      this.#ticks = ticksOf(this.#scheduler ?? dial.scheduler);
      const flow = guardedSubscriber<Flow>({
        next: (signal) => this.#onFlow(signal),
        error: (error) => up.error(error),
        complete: () => this.#close(),
        caught: (error) => up.error(error),
      });
      up.add(() => {
        flow.unsubscribe();
        this.#teardown();
      });
      this.#schedule();
      flow$.subscribe(flow);
    });

  get #clock(): SchedulerLike | undefined {
    return this.#scheduler ?? this.#dial?.scheduler;
  }

  /** The clock of the peer: signals are due on it, and the clocks of the two dials may not be comparable. */
  get #peerNow(): number {
    return this.peer.#clock?.now() ?? 0;
  }

  /** Whether inbound signals stay queued. Those of a closing end are discarded instead. */
  get #isBlocked(): boolean {
    return this.#isPaused && !this.#isClosing;
  }

  #onFlow(signal: Flow): void {
    if (signal.kind === 'pause') this.#isPaused = true;
    else if (signal.kind === 'resume') {
      this.#isPaused = false;
      this.#schedule();
    } else if (this.#deferred) this.#deferred.push(signal);
    else this.#send(signal);
  }

  #send(signal: DataSignal | EndSignal): void {
    if (this.#outboundEnd !== 'open') return;
    if (signal.kind === 'end') this.#outboundEnd = 'sent';
    else this.#inFlight += signal.bytes.length;
    this.#toPeer(signal);
    if (signal.kind === 'end' || this.#isFull || this.#inFlight < this.#limit) return;
    this.#isFull = true;
    this.#up?.next(PAUSE);
  }

  #toPeer(signal: TransitSignal): void {
    this.peer.#inbound.send(signal, this.#clock?.now() ?? 0);
    this.peer.#schedule();
  }

  /** Delivers in a separate tick, so that two ends that answer at once do not recurse. */
  #schedule(): void {
    const clock = this.#clock;
    if (!this.#up || !clock || (this.#timer && !this.#timer.closed)) return;
    const due = this.#inbound.nextDue;
    if (this.#isConnected && (due === undefined || this.#isBlocked)) return;
    const delay = this.#isConnected && due !== undefined ? Math.max(0, due - this.#peerNow) : 0;
    if (delay > 0) this.#timer = TimerQueue.of(clock).schedule(() => this.onTick(), delay);
    else this.#ticks?.request(this);
  }

  onTick(): void {
    this.#timer = undefined;
    if (!this.#up) return;
    if (!this.#isConnected) this.#connect();
    const now = this.#peerNow;
    for (let signal = this.#receive(now); signal; signal = this.#receive(now)) this.#emit(signal);
    this.#schedule();
  }

  #receive(now: number): TransitSignal | undefined {
    return this.#up && !this.#isBlocked ? this.#inbound.receive(now) : undefined;
  }

  #connect(): void {
    this.#isConnected = true;
    this.#up?.next({ kind: 'connected', details: [{ wire: 'memory' }] });
    // Signals that arrive meanwhile are queued behind these. Stop if the callback has unsubscribed.
    for (const signal of this.#deferred ?? []) if (this.#up) this.#send(signal);
    this.#deferred = undefined;
  }

  #emit(signal: TransitSignal): void {
    if (signal === 'reset') this.#up?.error(connectionReset());
    else if (signal.kind === 'data') {
      if (!this.#isClosing) this.#up?.next(signal);
      this.peer.#onRead(signal.bytes.length);
    } else {
      this.#inboundEnded = true;
      if (!this.#isClosing) this.#up?.next(END);
      this.peer.#outboundEnd = 'read';
      this.peer.#completeIfEnded();
      this.#completeIfEnded();
    }
  }

  /** The peer has read bytes of this end. */
  #onRead(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#isClosing) this.#startCloseTimer();
    if (bytes > 0) this.#up?.next({ kind: 'sent', bytes });
    if (this.#isFull && this.#inFlight <= this.#limit / 2) {
      this.#isFull = false;
      this.#up?.next(RESUME);
    }
  }

  get #hasEnded(): boolean {
    return this.#inboundEnded && this.#outboundEnd === 'read';
  }

  #completeIfEnded(): void {
    if (this.#hasEnded) this.#up?.complete();
  }

  #close(): void {
    this.#isClosing = true;
    this.#onFlow(END);
    this.#completeIfEnded();
    this.#startCloseTimer();
    this.#schedule();
  }

  #startCloseTimer(): void {
    const dial = this.#dial;
    if (!dial || !this.#up) return;
    this.#closeTimer?.unsubscribe();
    this.#closeTimer = TimerQueue.of(dial.scheduler).schedule(() => this.#up?.complete(), dial.timeouts.close);
  }

  #teardown(): void {
    this.#up = undefined;
    this.#ticks?.cancel(this);
    this.#timer?.unsubscribe();
    this.#closeTimer?.unsubscribe();
    this.#inbound.clear();
    if (!this.#hasEnded) this.#toPeer('reset');
  }
}

function alreadySubscribed(): IOStreamError {
  const message = 'expected each end of a memoryPair to be subscribed once, got a second subscription; make a new pair';
  return new IOStreamError('EALREADY', { phase: 'connect', message });
}

function connectionReset(): IOStreamError {
  return new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'read ECONNRESET: the other end of the pair was reset' });
}
