import { Subscription, type SchedulerLike } from 'rxjs';

/** Maximum delay of Node's timers; a longer one would fire at once. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

interface Job {
  readonly due: number;
  /** Sequence number: jobs that are due at the same time run in the order in which they were scheduled. */
  readonly order: number;
  work: (() => void) | undefined;
}

/**
 * Multiplexes the timers of many connections onto one action of a scheduler. RxJS's virtual schedulers sort all pending actions
 * whenever one is added: 10,000 separate timers would take minutes.
 */
export class TimerQueue {
  static readonly #all = new WeakMap<SchedulerLike, TimerQueue>();
  readonly #scheduler: SchedulerLike;
  /** Binary min-heap by due time and order. */
  #heap: Job[] = [];
  #order = 0;
  #pending = 0;
  #action: Subscription | undefined;
  #wakeTime = Infinity;

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  /** Returns the shared queue of a scheduler. */
  static of(scheduler: SchedulerLike): TimerQueue {
    let queue = TimerQueue.#all.get(scheduler);
    if (!queue) TimerQueue.#all.set(scheduler, (queue = new TimerQueue(scheduler)));
    return queue;
  }

  /** Runs `work` after `delay` ms, or never for Infinity. Unsubscribing the result cancels it. */
  schedule(work: () => void, delay: number): Subscription {
    if (delay === Infinity) return Subscription.EMPTY;
    const job: Job = { due: this.#scheduler.now() + delay, order: (this.#order += 1), work };
    this.#push(job);
    this.#pending += 1;
    if (job.due < this.#wakeTime) this.#wakeAt(job.due);
    return new Subscription(() => this.#cancel(job));
  }

  #cancel(job: Job): void {
    if (!job.work) return;
    job.work = undefined;
    this.#pending -= 1;
    if (this.#pending > 0) return;
    this.#heap = [];
    this.#wakeAt(Infinity);
  }

  #wakeAt(due: number): void {
    this.#action?.unsubscribe();
    this.#wakeTime = due;
    this.#action = undefined;
    if (due === Infinity) return;
    const now = this.#scheduler.now();
    const delay = Math.min(Math.max(0, due - now), MAX_TIMER_DELAY);
    this.#action = this.#scheduler.schedule(() => this.#run(now + delay), delay);
  }

  /**
   * Collects the due jobs first: a job scheduled by one of them runs in the next turn.
   *
   * @param woken the time of the wake-up: a real-time clock may be slightly early.
   */
  #run(woken: number): void {
    const now = Math.max(woken, this.#scheduler.now());
    const due: Job[] = [];
    for (let first = this.#heap[0]; first && first.due <= now; first = this.#heap[0]) due.push(this.#shift(first));
    this.#wakeAt(this.#heap[0]?.due ?? Infinity);
    for (const job of due) {
      const { work } = job;
      this.#cancel(job);
      work?.();
    }
  }

  #push(job: Job): void {
    const heap = this.#heap;
    let at = heap.push(job) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && before(job, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = job;
  }

  /** Removes the first job: moves the last job to its place, then sifts it down. */
  #shift(first: Job): Job {
    const heap = this.#heap;
    const job = heap.pop();
    if (!job || job === first) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = before(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!before(heap[child], job)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = job;
    return first;
  }
}

/** Whether `a` exists and runs before `b`. */
function before(a: Job | undefined, b: Job | undefined): boolean {
  return a !== undefined && (b === undefined || a.due < b.due || (a.due === b.due && a.order < b.order));
}
