import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import { Fifo } from '../util/fifo.ts';
import type { SchedulerLike } from 'rxjs';
import type { Outer } from './outer.ts';

/** A stream that has frames to write. */
export interface FrameSource {
  /** Kept by the scheduler. Initially false. */
  isControlDue: boolean;
  isDataDue: boolean;
  /** Writes its flags and credit. */
  writeControl(): void;
  /** Writes one data frame. Returns whether it could write another one now. */
  writeData(): boolean;
  /** Called when bytes of its data frames have been sent, and with 0 when its end has been sent. */
  onSent(bytes: number): void;
}

/** Bytes of one frame that are not sent yet. */
interface Unsent {
  readonly source: FrameSource;
  readonly position: number;
  readonly bytes: number;
}

/**
 * Writes the frames of all streams to one connection, while it is not blocked.
 *
 * ```text
 *   resets, answers ──▶ flags and credit of streams ──▶ data: one frame of each stream in turn ──▶ connection
 * ```
 *
 * Writes at the end of a tick, so that the small writes of a tick share a frame.
 */
export class FrameScheduler implements TickTarget {
  isTickDue = false;
  readonly #outer: Outer;
  readonly #ticks: TickQueue;
  readonly #frames = new Fifo<Uint8Array>();
  readonly #answers = new Fifo<Uint8Array>();
  readonly #control = new Fifo<FrameSource>();
  readonly #data = new Fifo<FrameSource>();
  readonly #unsent = new Fifo<Unsent>();
  #isStopped = false;

  constructor(outer: Outer, scheduler: SchedulerLike) {
    this.#outer = outer;
    this.#ticks = ticksOf(scheduler);
  }

  /** Number of answers that wait to be written. */
  get answers(): number {
    return this.#answers.length;
  }

  /** Queues a frame that belongs to no open stream. */
  send(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#requestTick();
  }

  /** Queues a frame that the peer has caused. */
  answer(frame: Uint8Array): void {
    this.#answers.push(frame);
    this.#requestTick();
  }

  requestControl(source: FrameSource): void {
    if (source.isControlDue) return;
    source.isControlDue = true;
    this.#control.push(source);
    this.#requestTick();
  }

  requestData(source: FrameSource): void {
    if (source.isDataDue) return;
    source.isDataDue = true;
    this.#data.push(source);
    this.#requestTick();
  }

  /** Notes that the bytes that were just written belong to `source`. Call it with 0 for its end. */
  track(source: FrameSource, bytes: number): void {
    this.#unsent.push({ source, position: this.#outer.accepted, bytes });
  }

  /** Writes what is due now, instead of at the end of the tick. */
  onTick(): void {
    this.#ticks.cancel(this);
    while (!this.#isStopped && !this.#outer.isBlocked && !this.#outer.isClosed && this.#writeNext());
  }

  /** Reports sent bytes to their streams, and continues to write. */
  onSent(): void {
    const { sent } = this.#outer;
    for (let first = this.#unsent.peek(); first && first.position <= sent; first = this.#unsent.peek()) {
      this.#unsent.shift();
      first.source.onSent(first.bytes);
    }
    if (this.#hasDue && !this.#outer.isBlocked) this.#requestTick();
  }

  /** Writes the frames that belong to no open stream, even if the connection is blocked. Writes nothing afterwards. */
  finish(): void {
    for (let frame = this.#frames.shift(); frame && !this.#outer.isClosed; frame = this.#frames.shift()) this.#outer.write(frame);
    this.stop();
  }

  /** Writes nothing from now on. */
  stop(): void {
    this.#isStopped = true;
    this.#ticks.cancel(this);
    for (const queue of [this.#frames, this.#answers, this.#control, this.#data]) queue.clear();
  }

  get #hasDue(): boolean {
    return this.#frames.length + this.#answers.length + this.#control.length + this.#data.length > 0;
  }

  #requestTick(): void {
    if (!this.#isStopped) this.#ticks.request(this);
  }

  /** Writes the next frame. Returns whether there was one. */
  #writeNext(): boolean {
    const frame = this.#frames.shift() ?? this.#answers.shift();
    if (frame) {
      this.#outer.write(frame);
      return true;
    }
    const control = this.#control.shift();
    if (control) {
      control.isControlDue = false;
      control.writeControl();
      return true;
    }
    const data = this.#data.shift();
    if (!data) return false;
    if (data.writeData()) this.#data.push(data);
    else data.isDataDue = false;
    return true;
  }
}
