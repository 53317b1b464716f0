import type { SchedulerLike } from 'rxjs';
import { ownOptions } from '../../util/own-options.ts';
import type { Wire } from '../../wire/signal.ts';
import { PairEnd } from './pair-end.ts';

/** The options of {@link memoryPair}. */
export interface MemoryPairOptions {
  /** One-way delay in ms. @default 0 */
  readonly latency?: number | undefined;
  /** Bytes per second in each direction. @default Infinity */
  readonly bandwidth?: number | undefined;
  /** Bytes in flight in one direction at which the sender is paused; it is resumed at half of them. @default 65536 */
  readonly limit?: number | undefined;
  /**
   * Where chunks are split in flight: the probability, 0 to 1, of a cut before each byte (1 = byte by byte). Or a function that is
   * called with a byte's offset in its direction and returns whether to cut before it. @default 0, chunks are not split
   */
  readonly cut?: number | ((offset: number) => boolean) | undefined;
  /** Seed of the random cuts: the same seed cuts the same bytes in the same places. @default 1 */
  readonly seed?: number | undefined;
  /** Times `latency` and `bandwidth`. @default the scheduler of the dial */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Creates two wires that are connected in memory, with backpressure, half-close and reset. Bytes written to one are emitted by the other.
 *
 * ```text
 *   app A ── Flow ──▶ [a] ── cut, latency, bandwidth, limit ──▶ [b] ── Up ──▶ app B
 * ```
 *
 * An end connects as soon as it is subscribed. An end that is never subscribed acts as a peer that never answers. Deterministic: on a
 * `TestScheduler`, all time is virtual.
 *
 * **Errors**
 * - An error of Flow, or unsubscribing before both FINs have been read, resets the other end: ECONNRESET after the bytes in flight.
 * - An end is single-use: a second subscription errors with EALREADY.
 *
 * **Closing**
 * - Completes when both FINs have been read.
 * - Completing Flow sends a FIN. Inbound bytes are then discarded until the other end's FIN. If the other end has read nothing for
 *   `timeouts.close` ms, completes and resets it.
 *
 * **Backpressure**
 * - Lossless. Bytes are queued until the other end reads them; `sent` is emitted when it has.
 *
 * **Memory**
 * - Chunks in flight are kept, not copied.
 *
 * ```ts
 * import { memoryPair } from 'rxjs-io-stream/testing';
 * import { IOStream } from 'rxjs-io-stream';
 *
 * const [a, b] = memoryPair();
 * new IOStream({ wire: b }).data$.subscribe((bytes) => console.log(bytes.toString()));
 * new IOStream({ wire: a }).end('hello');
 * ```
 *
 * @param options delay, rate, limit and cuts; all are optional.
 * @returns both ends.
 * @throws TypeError for a negative number, a `bandwidth` of 0, or a `cut` over 1.
 * @see {@link testDial} to subscribe an end without an `IOStream`.
 */
export function memoryPair(options: MemoryPairOptions = {}): readonly [Wire, Wire] {
  const own = ownOptions(options, 'memoryPair', ['latency', 'bandwidth', 'limit', 'cut', 'seed', 'scheduler']);
  check(own);
  const { seed = 1 } = own;
  // Even and odd: adjacent seeds do not share random numbers.
  const a = new PairEnd(own, seed * 2);
  const b = new PairEnd(own, seed * 2 + 1);
  a.peer = b;
  b.peer = a;
  return [a.wire, b.wire];
}

function check(options: MemoryPairOptions): void {
  for (const name of ['latency', 'bandwidth', 'limit', 'cut'] as const) {
    const value = options[name] ?? 0;
    if (typeof value === 'function') continue;
    if (!(value >= 0)) throw new TypeError(`expected \`${name}\` of memoryPair to be a number from 0 on, got ${value}`);
  }
  if (options.bandwidth === 0) throw new TypeError('expected `bandwidth` of memoryPair to be more than 0 bytes per second, got 0');
  if (typeof options.cut === 'number' && options.cut > 1)
    throw new TypeError(`expected \`cut\` of memoryPair to be a chance from 0 to 1, got ${options.cut}`);
}
