import { defer, distinctUntilChanged, startWith, Subject, type Observable, type SchedulerLike } from 'rxjs';
import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import type { PoolCounts } from './pool-types.ts';

/** Emits the counts of a pool at the end of each tick in which they have changed, so that its own work is never interrupted. */
export class PoolCounter implements TickTarget {
  isTickDue = false;
  readonly counts$: Observable<PoolCounts>;
  readonly #read: () => PoolCounts;
  readonly #changes = new Subject<PoolCounts>();
  readonly #ticks: TickQueue;

  /** @param read returns the current counts. */
  constructor(scheduler: SchedulerLike, read: () => PoolCounts) {
    this.#read = read;
    this.#ticks = ticksOf(scheduler);
    this.counts$ = defer(() => this.#changes.pipe(startWith(read()), distinctUntilChanged(areSame)));
  }

  changed(): void {
    if (this.#changes.observed) this.#ticks.request(this);
  }

  onTick(): void {
    this.#changes.next(this.#read());
  }

  complete(): void {
    this.#ticks.cancel(this);
    this.#changes.next(this.#read());
    this.#changes.complete();
  }
}

function areSame(one: PoolCounts, other: PoolCounts): boolean {
  return one.idle === other.idle && one.busy === other.busy && one.connecting === other.connecting && one.waiting === other.waiting;
}
