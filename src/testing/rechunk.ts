import { EMPTY_BYTES } from '../util/empty-bytes.ts';
import { ownOptions } from '../util/own-options.ts';
import { randomOf } from './random-of.ts';

/** One way to cut a stream of bytes. */
export interface Cut {
  /** A description for the message of a failing test: `whole`, `cut at 3`, `random cuts, seed 7`. */
  readonly name: string;
  /** The bytes, cut. They may share memory with the input. */
  readonly chunks: readonly Uint8Array[];
  /** The seed of random cuts: `rechunk(bytes, { seed, random: 1 })` repeats them. */
  readonly seed?: number | undefined;
}

/** The options of {@link rechunk}. */
export interface RechunkOptions {
  /** Maximum number of single cuts, evenly spread. @default Infinity, every one */
  readonly single?: number | undefined;
  /** Also make every pair of cuts if there are at most this many bytes. n bytes have (n - 1)(n - 2) / 2 pairs. @default 16 */
  readonly pairs?: number | undefined;
  /** Number of random cuts. @default 20 */
  readonly random?: number | undefined;
  /** Seed of the first random cut; increases by 1 for each further one. @default 1 */
  readonly seed?: number | undefined;
  /** Add an empty chunk before, between and after all others. @default false */
  readonly empty?: boolean | undefined;
}

/** A way to cut, independent of the bytes. */
export interface CutPlan {
  readonly name: string;
  readonly seed?: number | undefined;
  readonly empty: boolean;
  /** Returns a function that is called for each offset, in order from 1, and returns whether to cut before the byte there. */
  cuts(): (offset: number) => boolean;
}

/**
 * Splits bytes as a network might: whole, every single cut, every pair of cuts, byte by byte, random cuts.
 *
 * ```text
 *   abcd ──▶  abcd   a·bcd  ab·cd  abc·d   a·b·cd  a·bc·d  ab·c·d   a·b·c·d   and random cuts, named by their seeds
 * ```
 *
 * Code that reads a stream of bytes must produce the same result for all of them.
 *
 * **Memory**
 * - Lazy: each cut is made when the generator is advanced. The chunks are views of the bytes, not copies.
 *
 * ```ts
 * import { rechunk } from 'rxjs-io-stream/testing';
 *
 * for (const { name, chunks } of rechunk('HELLO\r\n', { empty: true })) {
 *   const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join('');
 *   if (text !== 'HELLO\r\n') throw new Error(`wrong when ${name}`);
 * }
 * ```
 *
 * @param bytes the bytes to split; text is UTF-8.
 * @param options which cuts to make.
 * @returns the cuts, the simplest first.
 * @see {@link checkCodec} and {@link checkPlugin}, which use these cuts.
 */
export function* rechunk(bytes: Uint8Array | string, options: RechunkOptions = {}): Generator<Cut, void, undefined> {
  const own = ownOptions(options, 'rechunk', ['single', 'pairs', 'random', 'seed', 'empty']);
  const whole = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  for (const plan of cutPlans(whole.length, own)) {
    yield { name: plan.name, chunks: chunksOf(whole, plan), ...(plan.seed === undefined ? {} : { seed: plan.seed }) };
  }
}

/** Yields the plans for a stream of `length` bytes, the simplest first. */
export function* cutPlans(length: number, options: RechunkOptions = {}): Generator<CutPlan, void, undefined> {
  const { single = Infinity, pairs = 16, random = 20, seed = 1, empty = false } = options;
  const plan = (name: string, cuts: CutPlan['cuts'], from?: number): CutPlan => {
    const full = empty ? `${name}, with empty chunks between` : name;
    return { name: full, empty, cuts, ...(from === undefined ? {} : { seed: from }) };
  };
  yield plan('whole', () => () => false);
  const step = Math.max(1, (length - 1) / single);
  for (let at = 1; at < length && single > 0; at += step) {
    const offset = Math.floor(at);
    yield plan(`cut at ${offset}`, () => (each) => each === offset);
  }
  for (let first = 1; first < length - 1 && length <= pairs; first += 1) {
    for (let second = first + 1; second < length; second += 1) {
      yield plan(`cut at ${first} and ${second}`, () => (each) => each === first || each === second);
    }
  }
  if (length > 1) yield plan('byte by byte', () => () => true);
  for (let run = 0; run < random && length > 1; run += 1) {
    yield plan(`random cuts, seed ${seed + run}`, () => randomCuts(seed + run), seed + run);
  }
}

/** Splits bytes by a plan. */
export function chunksOf(bytes: Uint8Array, plan: CutPlan): Uint8Array[] {
  const cuts = plan.cuts();
  const chunks: Uint8Array[] = plan.empty ? [EMPTY_BYTES] : [];
  let from = 0;
  for (let offset = 1; offset <= bytes.length; offset += 1) {
    if (offset < bytes.length && !cuts(offset)) continue;
    chunks.push(bytes.subarray(from, offset));
    if (plan.empty) chunks.push(EMPTY_BYTES);
    from = offset;
  }
  return chunks;
}

/** The seed also decides the mean length of the chunks: from a few bytes to hundreds. */
function randomCuts(seed: number): () => boolean {
  const random = randomOf(seed);
  const chance = 0.5 / 2 ** Math.floor(random() * 8);
  return () => random() < chance;
}
