import type { SchedulerLike, Subscription } from 'rxjs';
import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import { after } from '../util/timer.ts';
import type { FrameWriter } from './frame-writer.ts';

/** Maximum delay of an acknowledgement, in milliseconds. */
const DELAY = 1;

/**
 * Acknowledges what was read: a quarter of the window at the end of the tick. Less waits for further bytes, or for a frame that goes
 * out anyway: with a message for each one received, a transfer took twice the CPU.
 */
export class Acknowledger implements TickTarget {
  isTickDue = false;
  readonly #frames: FrameWriter;
  readonly #window: number;
  readonly #scheduler: SchedulerLike;
  readonly #ticks: TickQueue;
  #delay: Subscription | undefined;

  constructor(frames: FrameWriter, window: number, scheduler: SchedulerLike) {
    this.#frames = frames;
    this.#window = window;
    this.#scheduler = scheduler;
    this.#ticks = ticksOf(scheduler);
  }

  /** Called when bytes, or the end, were read. */
  onRead(): void {
    this.#ticks.request(this);
  }

  onTick(): void {
    if (this.#frames.unacknowledged >= this.#window / 4) this.#acknowledge();
    else this.#delay ??= after(DELAY, this.#scheduler, () => this.#acknowledge());
  }

  stop(): void {
    this.#delay?.unsubscribe();
    this.#ticks.cancel(this);
  }

  #acknowledge(): void {
    this.#delay?.unsubscribe();
    this.#delay = undefined;
    this.#frames.acknowledge();
  }
}
