import { defer, distinctUntilChanged, startWith, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import { channelsOf } from '../util/diagnostics-channel.ts';
import type { PoolMessages } from './pool-messages.ts';
import type { PoolCounts } from './pool-types.ts';

const channel = /* @__PURE__ */ channelsOf<PoolMessages<object>>();
const COUNTS = /* @__PURE__ */ channel('pool:counts');
const WAIT = /* @__PURE__ */ channel('pool:wait');
const TIMEOUT = /* @__PURE__ */ channel('pool:timeout');

/** Emits and publishes the counts of a pool at the end of each tick in which they have changed, so that its own work is never interrupted. */
export class PoolCounter implements TickTarget {
  isTickDue = false;
  readonly counts$: Observable<PoolCounts>;
  readonly #read: () => PoolCounts;
  readonly #changes = new Subject<PoolCounts>();
  readonly #ticks: TickQueue;
  readonly #pool: object;
  /** The last published counts. */
  #published: PoolCounts | undefined;

  /** @param read returns the current counts. */
  constructor(pool: object, scheduler: SchedulerLike, read: () => PoolCounts) {
    this.#pool = pool;
    this.#read = read;
    this.#ticks = ticksOf(scheduler);
    this.counts$ = defer(() => this.#changes.pipe(startWith(read()), distinctUntilChanged(areSame)));
  }

  changed(): void {
    if (this.#changes.observed || COUNTS.hasSubscribers) this.#ticks.request(this);
  }

  onTick(): void {
    const counts = this.#read();
    this.#publish(counts);
    this.#changes.next(counts);
  }

  /** Publishes that a use has to wait. */
  publishWait(): void {
    if (WAIT.hasSubscribers) WAIT.publish({ pool: this.#pool, counts: this.#read() });
  }

  /** Publishes that a use has waited too long. */
  publishTimeout(error: unknown): void {
    if (TIMEOUT.hasSubscribers) TIMEOUT.publish({ pool: this.#pool, counts: this.#read(), error });
  }

  complete(): void {
    this.#ticks.cancel(this);
    this.onTick();
    this.#changes.complete();
  }

  #publish(counts: PoolCounts): void {
    if (!COUNTS.hasSubscribers || (this.#published && areSame(this.#published, counts))) return;
    this.#published = counts;
    COUNTS.publish({ pool: this.#pool, counts });
  }
}

function areSame(one: PoolCounts, other: PoolCounts): boolean {
  return one.idle === other.idle && one.busy === other.busy && one.connecting === other.connecting && one.waiting === other.waiting;
}
