import { ownOptions } from '../wire/own-options.ts';

/** One way to cut a stream of bytes. */
export interface Cut {
  /** In words, for the message of a failing test: `whole`, `cut at 3`, `random cuts, seed 7`. */
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
  /** Of random cuts: `rechunk(bytes, { seed, random: 1 })` makes the same again. */
  readonly seed?: number | undefined;
}

/** Which cuts {@link rechunk} makes. */
export interface RechunkOptions {
  /** How many single cuts at most, spread evenly. @default Infinity, every one */
  readonly single?: number | undefined;
  /** Every pair of cuts too, when there are so many bytes at most: n bytes have (n - 1)(n - 2) / 2 pairs. @default 16 */
  readonly pairs?: number | undefined;
  /** How many random cuts. @default 20 */
  readonly random?: number | undefined;
  /** The seed of the first random cut; the next has the next number. @default 1 */
  readonly seed?: number | undefined;
  /** Put an empty chunk before, between and after all others. @default false */
  readonly empty?: boolean | undefined;
}

/** A way to cut, before the bytes are known. */
export interface CutPlan {
  readonly name: string;
  readonly seed?: number | undefined;
  readonly empty: boolean;
  /** Makes a function that is asked for each offset, in order from 1, whether a cut goes before the byte there. */
  cuts(): (offset: number) => boolean;
}

/**
 * Cuts bytes in every way that a network might: whole, every single cut, every pair of cuts, byte by byte, random cuts.
 *
 * ```text
 *   abcd ──▶  abcd   a·bcd  ab·cd  abc·d   a·b·cd  a·bc·d  ab·c·d   a·b·c·d   and random cuts, whose seeds are in their names
 * ```
 *
 * What reads a stream of bytes must give the same result for all of them. Lazy: nothing is cut before it is asked for. The
 * chunks are views of the bytes.
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
 * @param bytes what to cut; text is UTF-8.
 * @returns the cuts, the simplest first.
 */
export function* rechunk(bytes: Uint8Array | string, options: RechunkOptions = {}): Generator<Cut, void, undefined> {
  const given = ownOptions(options, 'rechunk', ['single', 'pairs', 'random', 'seed', 'empty']);
  const whole = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  for (const plan of cutPlans(whole.length, given)) {
    yield { name: plan.name, chunks: chunksOf(whole, plan), ...(plan.seed === undefined ? {} : { seed: plan.seed }) };
  }
}

/** The plans for a stream of so many bytes, the simplest first. */
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

/** Cuts bytes as a plan says. */
export function chunksOf(bytes: Uint8Array, plan: CutPlan): Uint8Array[] {
  const cuts = plan.cuts();
  const chunks: Uint8Array[] = plan.empty ? [NOTHING] : [];
  let from = 0;
  for (let offset = 1; offset <= bytes.length; offset += 1) {
    if (offset < bytes.length && !cuts(offset)) continue;
    chunks.push(bytes.subarray(from, offset));
    if (plan.empty) chunks.push(NOTHING);
    from = offset;
  }
  return chunks;
}

const NOTHING = new Uint8Array(0);

/** Each seed has its own mean length too, from a few bytes to hundreds. */
function randomCuts(seed: number): () => boolean {
  const random = randomOf(seed);
  const chance = 0.5 / 2 ** Math.floor(random() * 8);
  return () => random() < chance;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
