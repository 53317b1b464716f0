import { VirtualTimeScheduler } from 'rxjs';

/** A virtual-time scheduler that is advanced by hand, and that counts its pending actions. */
export class Clock extends VirtualTimeScheduler {
  /** Number of actions scheduled since the start. */
  scheduled = 0;

  override schedule: VirtualTimeScheduler['schedule'] = (work, delay, state) => {
    this.scheduled += 1;
    return super.schedule(work, delay, state);
  };

  /** Number of pending actions. */
  get pending(): number {
    return this.actions.length;
  }

  /** Advances the clock by `ms`, and runs the actions that are due meanwhile. */
  advance(ms: number): void {
    const target = this.frame + ms;
    this.maxFrames = target;
    this.flush();
    this.frame = target;
  }
}
