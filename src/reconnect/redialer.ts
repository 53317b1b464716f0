import { noop, Subscription, type Observable } from 'rxjs';
import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import { AsyncContext } from '../util/async-context.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { reportUnhandled } from '../util/report-unhandled.ts';
import { Attempts } from './attempts.ts';
import type { BackoffPlan } from './backoff-plan.ts';
import type { PersistentStatus } from './persistent-types.ts';
import { Targets, type TargetsPlan } from './targets.ts';

/** The checked options of when to dial, and which target. */
export interface RedialPlan extends BackoffPlan, TargetsPlan {
  /** Return the options of each target. */
  readonly targets: ConstructorParameters<typeof Targets>[0];
  /** The `signal` of the first target, if it is known. */
  readonly signal: AbortSignal | undefined;
  readonly dial: 'now' | 'demand';
  readonly wake$: Observable<unknown>;
}

/** A status without what is the same for all of one attempt. */
type OwnStatus<S> = S extends PersistentStatus ? Omit<S, 'attempt' | 'target'> : never;

/** The persistent stream of a {@link Redialer}. */
export interface RedialerOwner {
  isOpen(): boolean;
  /** Whether writes wait for a connection. */
  hasPending(): boolean;
  emit(status: PersistentStatus): void;
  /** Called for each value of `wake$`. */
  connect(): void;
  connected(io: IOStream): void;
  /** Called when the attempt has failed or its connection has closed. It then calls `lost` or `idle`, or ends. */
  disconnected(end: ReadEnd): void;
  /** Called when the `signal` aborts while there is no attempt. */
  finish(end: ReadEnd): void;
}

/**
 * Decides when to dial: at once, after a delay, or on demand.
 *
 * ```text
 *   idle ── demand ──▶ connecting ──▶ connected ── closed while idle ──▶ idle
 *                       ▲   │ failed      │ lost
 *                       │   ▼             ▼
 *              delay, wake$ ◀─────────────┴── if a connection is wanted; else idle
 * ```
 */
export class Redialer {
  readonly attempts: Attempts;
  readonly #plan: RedialPlan;
  readonly #owner: RedialerOwner;
  readonly #context = new AsyncContext();
  readonly #wakes = new Subscription();
  #state: 'idle' | 'waiting' | 'busy' = 'idle';
  /** A connection was demanded, and has not been opened yet. */
  #isDemanded = false;
  /** `#start` or `#meetDemand` is due at the end of the tick. */
  #isDialDue = true;
  /** How the last attempt ended. */
  #lastEnd: ReadEnd = {};

  constructor(plan: RedialPlan, owner: RedialerOwner) {
    this.attempts = new Attempts(new Targets(plan.targets, plan), plan, plan.signal);
    this.#plan = plan;
    this.#owner = owner;
    this.atTickEnd(() => this.#start());
  }

  /** Calls `connect` of the owner for each value of `wake$`, until `stop`. The owner must be ready: there may be a value at once. */
  observeWakes(): void {
    this.#wakes.add(this.#plan.wake$.subscribe({ next: () => this.#owner.connect(), error: reportUnhandled }));
  }

  /** Calls `work` at the end of the caller's tick, in the async context of the code that created the persistent stream. */
  atTickEnd(work: () => void): void {
    atTickEnd(this.#plan.scheduler, () => this.#context.run(work, undefined, undefined));
  }

  /** Emits a status of the current attempt. */
  emit(status: OwnStatus<PersistentStatus>): void {
    const { number: attempt, target } = this.attempts;
    this.#owner.emit({ ...status, attempt, target });
  }

  /** Dials at the end of the tick, without a delay, and again until there is a connection. */
  demand(): void {
    this.#isDemanded = true;
    if (this.#state !== 'busy') this.#dialSoon();
  }

  /** Dials at the end of the tick, or after the remaining delay, if the stream is idle. */
  dialIfIdle(): void {
    if (this.#state === 'idle') this.#dialSoon();
  }

  /** Dials after the delay of the targets, or is idle if no connection is wanted. */
  lost(end: ReadEnd): void {
    if (this.#isWanted) this.#wait(end, this.attempts.delay);
    else this.idle(end);
  }

  /** Waits for a demand. */
  idle(end: ReadEnd): void {
    this.#state = 'idle';
    this.attempts.wait(Infinity, noop, (error) => this.#owner.finish({ error }));
    this.emit({ state: 'idle', ...end });
    if (this.#isDemanded || this.#owner.hasPending()) this.dialIfIdle();
  }

  /** Cancels the attempt or the delay, and closes the connection. */
  stop(): void {
    this.attempts.cancel();
    this.#wakes.unsubscribe();
  }

  /** Called at the end of the tick in which the persistent stream was created. */
  #start(): void {
    this.#isDialDue = false;
    if (!this.#owner.isOpen()) return;
    if (this.#isWanted) this.#dial();
    else this.idle({});
  }

  /** Whether to dial when there is no connection. */
  get #isWanted(): boolean {
    return this.#plan.dial === 'now' || this.#isDemanded || this.#owner.hasPending();
  }

  #dialSoon(): void {
    if (this.#isDialDue) return;
    this.#isDialDue = true;
    this.atTickEnd(() => this.#meetDemand());
  }

  #meetDemand(): void {
    this.#isDialDue = false;
    if (!this.#owner.isOpen() || this.#state === 'busy') return;
    const { remainingDelay: delay } = this.attempts;
    if (delay > 0 && this.#state === 'waiting') return;
    this.attempts.cancel();
    if (delay > 0) this.#wait(this.#lastEnd, delay);
    else this.#dial();
  }

  #wait(end: ReadEnd, delay: number): void {
    this.#state = 'waiting';
    this.attempts.wait(
      delay,
      () => this.#dial(),
      (error) => this.#owner.finish({ error }),
    );
    this.emit({ state: 'waiting', ...end, delay });
  }

  #dial(): void {
    this.#state = 'busy';
    this.attempts.next();
    this.emit({ state: 'connecting' });
    if (!this.#owner.isOpen()) return; // Closed by a subscriber.
    this.attempts.dial({
      next: (io) => this.#connected(io),
      error: (error: unknown) => this.#ended({ error }),
      complete: () => this.#ended({}),
    });
  }

  #connected(io: IOStream): void {
    this.#isDemanded = false;
    this.attempts.connected();
    this.#owner.connected(io);
  }

  #ended(end: ReadEnd): void {
    this.#lastEnd = end;
    this.#owner.disconnected(end);
  }
}
