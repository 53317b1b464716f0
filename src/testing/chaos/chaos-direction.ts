import type { SchedulerLike, Subscription } from 'rxjs';
import { randomOf } from '../random-of.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { Fifo } from '../../util/fifo.ts';
import { atTickEnd } from '../../util/at-tick-end.ts';
import type { BufferedDirection } from '../../wire/flow-control.ts';
import type { Up } from '../../wire/signal.ts';

/** The faults of one direction; each is off by default. */
export interface ChaosDirectionOptions {
  readonly cut?: number | undefined;
  readonly delay?: number | undefined;
  readonly coalesce?: number | undefined;
  readonly partialWrite?: number | undefined;
}

/** Callbacks of a direction. */
export interface ChaosDirectionEvents {
  /** Receives each signal that the direction emits. A chunk of `data` is never longer than `maxChunk()` bytes. */
  emit(signal: Up): void;
  /** Returns the maximum length of the next chunk, in bytes. */
  maxChunk(): number;
  /** Called after a signal was added or emitted. */
  onChange(): void;
}

/** Buffered bytes at which a direction pauses its sender; it resumes the sender below half of them. */
const MAX_BUFFERED = 2 ** 16;
/** Joining stops at this many bytes. */
const MAX_JOINED = 2 ** 16;

/** One direction of a connection: keeps the order of signals, and changes their timing and chunk boundaries. */
export class ChaosDirection implements BufferedDirection {
  /** Number of buffered bytes. */
  buffered = 0;
  /** While true, `data` and `end` stay buffered. */
  isPaused = false;
  readonly random: () => number;
  readonly #options: ChaosDirectionOptions;
  readonly #scheduler: SchedulerLike;
  readonly #events: ChaosDirectionEvents;
  readonly #queue = new Fifo<{ readonly signal: Up; readonly due: number }>();
  #rest: Uint8Array | undefined;
  #untilCut: number;
  #lastDue = 0;
  #isRunning = false;
  #timer: Subscription | undefined;

  constructor(options: ChaosDirectionOptions, seed: number, scheduler: SchedulerLike, events: ChaosDirectionEvents) {
    this.#options = options;
    this.#scheduler = scheduler;
    this.#events = events;
    this.random = randomOf(seed);
    this.#untilCut = this.#nextCut();
  }

  isFull(isWaiting: boolean): boolean {
    return this.buffered >= (isWaiting ? MAX_BUFFERED / 2 : MAX_BUFFERED);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#rest === undefined;
  }

  push(signal: Up): void {
    const { delay = 0, coalesce = 0 } = this.#options;
    const isData = signal.kind === 'data';
    if (isData && signal.bytes.length === 0) return;
    const wait = (delay > 0 ? this.random() * delay : 0) + (isData ? coalesce : 0);
    // Never earlier than the signal before it, so that an end does not overtake coalesced data.
    this.#lastDue = Math.max(this.#lastDue, this.#scheduler.now() + wait);
    if (isData) this.buffered += signal.bytes.length;
    this.#queue.push({ signal, due: this.#lastDue });
    this.#events.onChange();
    this.run();
  }

  /** Emits the signals that are due, and schedules the rest. */
  run(): void {
    if (this.#isRunning || (this.#timer && !this.#timer.closed)) return;
    this.#isRunning = true;
    for (let signal = this.#next(); signal; signal = this.#next()) {
      this.#events.emit(signal);
      this.#events.onChange();
      if (signal.kind === 'data' && this.#options.partialWrite !== undefined && !this.isEmpty) {
        this.#resumeAtTickEnd();
        break;
      }
    }
    this.#isRunning = false;
  }

  /** Emits all buffered signals at once. */
  flush(): void {
    this.cancel();
    for (let signal = this.#take(); signal; signal = this.#take()) this.#events.emit(signal);
  }

  clear(): void {
    this.cancel();
    this.#queue.clear();
    this.#rest = undefined;
    this.buffered = 0;
  }

  cancel(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }

  #next(): Up | undefined {
    const head = this.#queue.peek();
    const kind = this.#rest ? 'data' : head?.signal.kind;
    if (this.isPaused && (kind === 'data' || kind === 'end')) return undefined;
    const wait = this.#rest || !head ? 0 : head.due - this.#scheduler.now();
    if (wait <= 0) return this.#take();
    this.#timer = this.#scheduler.schedule(() => this.#resume(), wait);
    return undefined;
  }

  #resumeAtTickEnd(): void {
    this.#timer = atTickEnd(this.#scheduler, () => this.#resume());
  }

  #resume(): void {
    this.#timer = undefined;
    this.run();
  }

  #take(): Up | undefined {
    if (!this.#rest) {
      const head = this.#queue.shift();
      if (head?.signal.kind !== 'data') return head?.signal;
      this.#rest = this.#join(head.signal.bytes);
    }
    return { kind: 'data', bytes: this.#nextChunk(this.#rest) };
  }

  #join(first: Uint8Array): Uint8Array {
    if (this.#options.coalesce === undefined) return first;
    const chunks = [first];
    let length = first.length;
    for (let next = this.#queue.peek()?.signal; next?.kind === 'data' && length < MAX_JOINED; next = this.#queue.peek()?.signal) {
      chunks.push(next.bytes);
      length += next.bytes.length;
      this.#queue.shift();
    }
    return chunks.length === 1 ? first : concatBytes(chunks);
  }

  #nextChunk(rest: Uint8Array): Uint8Array {
    const { partialWrite } = this.#options;
    const partial = partialWrite === undefined ? Infinity : 1 + Math.floor(this.random() * partialWrite);
    const size = Math.min(rest.length, this.#untilCut, partial, this.#events.maxChunk());
    this.#untilCut -= size;
    if (this.#untilCut <= 0) this.#untilCut = this.#nextCut();
    this.#rest = size < rest.length ? rest.subarray(size) : undefined;
    this.buffered -= size;
    return rest.subarray(0, size);
  }

  /** Returns the number of bytes until the next random cut (geometric distribution). */
  #nextCut(): number {
    const { cut = 0 } = this.#options;
    if (cut <= 0) return Infinity;
    return cut >= 1 ? 1 : 1 + Math.floor(Math.log(1 - this.random()) / Math.log1p(-cut));
  }
}
