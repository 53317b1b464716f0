import { Subscription, type SchedulerLike } from 'rxjs';

/** The longest delay Node's timers take; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

interface Job {
  readonly due: number;
  /** Of jobs that are due at the same time, the first one given runs first. */
  readonly order: number;
  work: (() => void) | undefined;
}

/**
 * Timers of many connections on one scheduler, of which they take one place only: RxJS's virtual schedulers sort all that waits
 * whenever something is added, so that 10,000 timers of their own would take minutes.
 */
export class Agenda {
  static readonly #all = new WeakMap<SchedulerLike, Agenda>();
  readonly #scheduler: SchedulerLike;
  /** A binary heap: each job is due before the two behind it, at twice its place. */
  #heap: Job[] = [];
  #order = 0;
  #live = 0;
  #action: Subscription | undefined;
  #wakes = Infinity;

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  /** The one of this scheduler. */
  static of(scheduler: SchedulerLike): Agenda {
    let agenda = Agenda.#all.get(scheduler);
    if (!agenda) Agenda.#all.set(scheduler, (agenda = new Agenda(scheduler)));
    return agenda;
  }

  /** Runs something in so many milliseconds; never for Infinity. What is given calls it off. */
  schedule(work: () => void, delay: number): Subscription {
    if (delay === Infinity) return Subscription.EMPTY;
    const job: Job = { due: this.#scheduler.now() + delay, order: (this.#order += 1), work };
    this.#push(job);
    this.#live += 1;
    if (job.due < this.#wakes) this.#wakeAt(job.due);
    return new Subscription(() => this.#drop(job));
  }

  #drop(job: Job): void {
    if (!job.work) return;
    job.work = undefined;
    this.#live -= 1;
    if (this.#live > 0) return;
    this.#heap = [];
    this.#wakeAt(Infinity);
  }

  #wakeAt(due: number): void {
    this.#action?.unsubscribe();
    this.#wakes = due;
    this.#action = undefined;
    if (due === Infinity) return;
    const now = this.#scheduler.now();
    const delay = Math.min(Math.max(0, due - now), LONGEST);
    this.#action = this.#scheduler.schedule(() => this.#run(now + delay), delay);
  }

  /** What is due is found first: a job that it gives for now is for the next turn. A clock of real time may be a little early. */
  #run(woken: number): void {
    const now = Math.max(woken, this.#scheduler.now());
    const due: Job[] = [];
    for (let first = this.#heap[0]; first && first.due <= now; first = this.#heap[0]) due.push(this.#shift(first));
    this.#wakeAt(this.#heap[0]?.due ?? Infinity);
    for (const job of due) {
      const { work } = job;
      this.#drop(job);
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

  /** Takes the first one out: the last one sinks from its place. */
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

/** Whether there is such a job, and it is due before the other one. */
function before(a: Job | undefined, b: Job | undefined): boolean {
  return a !== undefined && (b === undefined || a.due < b.due || (a.due === b.due && a.order < b.order));
}
