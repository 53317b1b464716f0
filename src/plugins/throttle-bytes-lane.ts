import type { DataSignal, EndSignal } from '../wire/signal.ts';
import type { HoldingLane } from '../wire/steering.ts';
import type { Budget, Waiter } from './throttle-bytes-budget.ts';

/** A lane that holds so many bytes, or so many chunks, stops its sender, and lets him go on at half of it. */
const LIMIT = { bytes: 2 ** 16, chunks: 1024 };

/** What a lane tells. */
export interface LaneEvents {
  out(signal: DataSignal | EndSignal): void;
  /** Something came in or went out. */
  changed(): void;
}

/** One direction of one connection: holds what its budget does not let pass yet. */
export class ThrottleLane implements Waiter, HoldingLane {
  readonly #budget: Budget;
  readonly #events: LaneEvents;
  readonly #queue: (DataSignal | EndSignal)[] = [];
  #held = 0;
  #paused = false;

  constructor(budget: Budget, events: LaneEvents) {
    this.#budget = budget;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether its sender is to wait: one who waits already goes on at half of the limit. */
  isFull(waits: boolean): boolean {
    const part = waits ? 2 : 1;
    return this.#held >= LIMIT.bytes / part || this.#queue.length >= LIMIT.chunks / part;
  }

  get wanted(): number {
    return this.#paused ? 0 : this.#held;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (paused) this.#budget.leave(this);
    else this.#run();
  }

  push(signal: DataSignal | EndSignal): void {
    if (signal.kind === 'data') this.#held += signal.bytes.length;
    this.#queue.push(signal);
    this.#events.changed();
    this.#run();
  }

  grant(most: number): number {
    let passed = 0;
    for (let head = this.#queue[0]; head && !this.#paused; head = this.#queue[0]) {
      const size = head.kind === 'data' ? head.bytes.length : 0;
      const piece = Math.min(most - passed, size);
      if (piece === 0 && size > 0) break;
      passed += piece;
      this.#held -= piece;
      // Taken out before it is given: what comes from inside belongs behind it.
      if (head.kind === 'data' && piece < size) {
        this.#queue[0] = { kind: 'data', bytes: head.bytes.subarray(piece) };
        this.#events.out({ kind: 'data', bytes: head.bytes.subarray(0, piece) });
      } else {
        this.#queue.shift();
        this.#events.out(head);
      }
    }
    this.#events.changed();
    return passed;
  }

  /** Gives out all that it holds, whatever the budget says. */
  flush(): void {
    this.#paused = false;
    this.grant(Infinity);
    this.#budget.leave(this);
  }

  /** Forgets what it holds. */
  clear(): void {
    this.#queue.length = 0;
    this.#held = 0;
    this.#budget.leave(this);
  }

  #run(): void {
    if (this.#paused) return;
    if (this.#held > 0) this.#budget.enter(this);
    else if (!this.isEmpty) this.grant(0); // an end needs no budget
  }
}
