import type { SchedulerLike, Subscription } from 'rxjs';
import { after } from './timer.ts';

/** Unanswered pings after which the peer counts as dead: one may be lost in a pause of its process. */
const MAX_PINGS = 2;

/** The times of a {@link KeepAlive}, in milliseconds. */
export interface KeepAliveTimes {
  readonly interval: number;
  readonly timeout: number;
}

/** What keeps a connection alive calls. */
export interface KeepAliveTarget {
  sendPing(): void;
  /** The peer has answered none of this number of pings, within `timeout` ms each. */
  onSilence(pings: number, timeout: number): void;
}

/** Sends a ping after `interval` ms without a byte of the peer, and reports a peer that sends nothing within `timeout` ms after two. */
export class KeepAlive {
  readonly #times: KeepAliveTimes;
  readonly #scheduler: SchedulerLike;
  readonly #target: KeepAliveTarget;
  #timer: Subscription | undefined;
  /** When the last byte was received, on the scheduler's clock. */
  #last: number;
  /** Pings since the last byte. */
  #pings = 0;

  constructor(times: KeepAliveTimes, scheduler: SchedulerLike, target: KeepAliveTarget) {
    this.#times = times;
    this.#scheduler = scheduler;
    this.#target = target;
    this.#last = scheduler.now();
    this.#wait(times.interval);
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  /** Notes that bytes were received. */
  received(): void {
    this.#last = this.#scheduler.now();
    this.#pings = 0;
  }

  #wait(ms: number): void {
    this.#timer = after(ms, this.#scheduler, () => this.#check(), { unref: true });
  }

  #check(): void {
    const { interval, timeout } = this.#times;
    const remaining = this.#last + interval - this.#scheduler.now();
    if (this.#pings === 0 && remaining > 0) this.#wait(remaining);
    else if (this.#pings === MAX_PINGS) this.#target.onSilence(MAX_PINGS, timeout);
    else {
      this.#pings += 1;
      this.#wait(timeout);
      this.#target.sendPing();
    }
  }
}
