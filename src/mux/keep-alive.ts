import type { SchedulerLike, Subscription } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { after } from '../util/timer.ts';
import { peerIsSilent } from './mux-errors.ts';

/** Unanswered pings after which the peer counts as dead: one may be lost in a pause of its process. */
const MAX_PINGS = 2;

/** The times of {@link KeepAlive}, in milliseconds. */
export interface KeepAliveTimes {
  readonly interval: number;
  readonly timeout: number;
}

/** What keeps a mux alive calls. */
export interface KeepAliveTarget {
  sendPing(): void;
  /** The peer has answered no ping in time. */
  onSilence(error: IOStreamError): void;
}

/** Sends a ping after `interval` ms without a byte of the peer, and reports a peer that sends nothing within `timeout` ms after two. */
export class KeepAlive {
  readonly #times: KeepAliveTimes;
  readonly #scheduler: SchedulerLike;
  readonly #target: KeepAliveTarget;
  #timer: Subscription | undefined;
  #hasReceived = false;
  /** Pings since the last byte. */
  #pings = 0;

  constructor(times: KeepAliveTimes, scheduler: SchedulerLike, target: KeepAliveTarget) {
    this.#times = times;
    this.#scheduler = scheduler;
    this.#target = target;
  }

  start(): void {
    this.#wait(this.#times.interval);
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  /** Notes that bytes were received. */
  received(): void {
    this.#hasReceived = true;
  }

  #wait(ms: number): void {
    this.#timer = after(ms, this.#scheduler, () => this.#check(), { unref: true });
  }

  #check(): void {
    const { interval, timeout } = this.#times;
    if (this.#hasReceived) {
      this.#hasReceived = false;
      this.#pings = 0;
      this.#wait(interval);
    } else if (this.#pings === MAX_PINGS) this.#target.onSilence(peerIsSilent(MAX_PINGS, timeout));
    else {
      this.#pings += 1;
      this.#target.sendPing();
      this.#wait(timeout);
    }
  }
}
