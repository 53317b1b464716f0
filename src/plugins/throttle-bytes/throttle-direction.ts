import type { DataSignal, EndSignal } from '../../wire/signal.ts';
import type { BufferedDirection } from '../../wire/flow-control.ts';
import type { Budget, Waiter } from './budget.ts';

/** A direction that holds this many bytes or chunks pauses its sender, and resumes it at half of that. */
const LIMIT = { bytes: 2 ** 16, chunks: 1024 };

/** The callbacks of a direction. */
export interface DirectionEvents {
  out(signal: DataSignal | EndSignal): void;
  /** Called after the queue has grown or shrunk. */
  changed(): void;
}

/** One direction of one connection: queues what its budget does not allow yet. */
export class ThrottleDirection implements Waiter, BufferedDirection {
  readonly #budget: Budget;
  readonly #events: DirectionEvents;
  readonly #queue: (DataSignal | EndSignal)[] = [];
  #queuedBytes = 0;
  #isPaused = false;

  constructor(budget: Budget, events: DirectionEvents) {
    this.#budget = budget;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Returns whether the sender must pause. A sender that is paused already resumes at half of the limit. */
  isFull(waits: boolean): boolean {
    const part = waits ? 2 : 1;
    return this.#queuedBytes >= LIMIT.bytes / part || this.#queue.length >= LIMIT.chunks / part;
  }

  get wanted(): number {
    return this.#isPaused ? 0 : this.#queuedBytes;
  }

  set paused(paused: boolean) {
    this.#isPaused = paused;
    if (paused) this.#budget.leave(this);
    else this.#run();
  }

  push(signal: DataSignal | EndSignal): void {
    if (signal.kind === 'data') this.#queuedBytes += signal.bytes.length;
    this.#queue.push(signal);
    this.#events.changed();
    this.#run();
  }

  grant(most: number): number {
    let passed = 0;
    for (let head = this.#queue[0]; head && !this.#isPaused; head = this.#queue[0]) {
      const size = head.kind === 'data' ? head.bytes.length : 0;
      const piece = Math.min(most - passed, size);
      if (piece === 0 && size > 0) break;
      passed += piece;
      this.#queuedBytes -= piece;
      // Removed before it is emitted: signals that arrive from inside belong behind it.
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

  /** Emits all queued signals, regardless of the budget. */
  flush(): void {
    this.#isPaused = false;
    this.grant(Infinity);
    this.#budget.leave(this);
  }

  /** Drops all queued signals. */
  clear(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#budget.leave(this);
  }

  #run(): void {
    if (this.#isPaused) return;
    if (this.#queuedBytes > 0) this.#budget.enter(this);
    else if (!this.isEmpty) this.grant(0); // `end` needs no budget
  }
}
