import { randomOf } from '../random-of.ts';
import { Fifo } from '../../util/fifo.ts';
import type { DataSignal, EndSignal } from '../../wire/signal.ts';

/** The delays and cuts of one direction. See `MemoryPairOptions`. */
export interface TransitOptions {
  readonly latency?: number | undefined;
  readonly bandwidth?: number | undefined;
  readonly cut?: number | ((offset: number) => boolean) | undefined;
}

/** A signal in flight. */
export type TransitSignal = DataSignal | EndSignal | 'reset';

interface InFlight {
  readonly signal: TransitSignal;
  /** When it arrives, on the clock of the sender. */
  readonly due: number;
}

/** One direction between two ends: cuts the bytes, and delays each signal by bandwidth and latency. */
export class Transit {
  readonly #options: TransitOptions;
  readonly #isCut: ((offset: number) => boolean) | undefined;
  readonly #queue = new Fifo<InFlight>();
  /** Number of bytes so far: the offset of the next chunk. */
  #offset = 0;
  /** When the last signal has passed the bandwidth limit. */
  #busyUntil = 0;

  constructor(options: TransitOptions, seed: number) {
    const { cut } = options;
    this.#options = options;
    const random = randomOf(seed);
    this.#isCut = typeof cut === 'number' && cut > 0 ? () => random() < cut : typeof cut === 'function' ? cut : undefined;
  }

  send(signal: TransitSignal, now: number): void {
    if (signal === 'reset' || signal.kind === 'end') this.#push(signal, 0, now);
    else for (const bytes of this.#split(signal.bytes)) this.#push({ kind: 'data', bytes }, bytes.length, now);
  }

  /** When the next signal arrives; undefined if none is in flight. */
  get nextDue(): number | undefined {
    return this.#queue.peek()?.due;
  }

  /** Removes and returns the next signal if it has arrived. */
  receive(now: number): TransitSignal | undefined {
    const next = this.#queue.peek();
    return next && next.due <= now ? this.#queue.shift()?.signal : undefined;
  }

  clear(): void {
    this.#queue.clear();
  }

  #push(signal: TransitSignal, size: number, now: number): void {
    const { latency = 0, bandwidth = Infinity } = this.#options;
    this.#busyUntil = Math.max(now, this.#busyUntil) + (size / bandwidth) * 1000;
    this.#queue.push({ signal, due: this.#busyUntil + latency });
  }

  *#split(bytes: Uint8Array): Generator<Uint8Array> {
    let from = 0;
    for (let at = this.#isCut ? 1 : bytes.length; at < bytes.length; at += 1) {
      if (!this.#isCut?.(this.#offset + at)) continue;
      yield bytes.subarray(from, at);
      from = at;
    }
    this.#offset += bytes.length;
    yield bytes.subarray(from);
  }
}
