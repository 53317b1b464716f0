import { inspect } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { mutate } from '../../src/testing/chaos/mutate.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { shrink } from '../../src/testing/rules/shrink.ts';
import { FOUND } from './found.ts';

/** The result of an input. */
export interface Verdict {
  /** The parsed value; absent if the input was rejected. */
  readonly value?: unknown;
  readonly error?: unknown;
  /** Number of bytes consumed. */
  readonly consumed?: number;
}

/** A parser of untrusted input. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, and interesting invalid ones. */
  readonly samples: readonly (Uint8Array | string)[];
  /** Number of inputs to make of them. */
  readonly inputs: number;
  /** Parses chunks, then the end. */
  run(chunks: readonly Uint8Array[]): Verdict;
  /** Whether the result must not depend on cuts; false for a parser of whole inputs. @default true */
  readonly cuts?: boolean;
  /** Whether its error messages contain byte counts. Only codes and phases are then compared between cuts. */
  readonly vague?: boolean;
  /** Throws if a result or a rejection violates the grammar. */
  oracle?(input: Uint8Array, verdict: Verdict): void;
}

/** Factor of the number of inputs, for a long run. */
const SCALE = Number(process.env.FUZZ_SCALE ?? 1);
/** The first seed; input number n of a target has the seed `FIRST_SEED + n`. */
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? 1);
/** Maximum growth of the heap per target, in bytes. */
const MAX_GROWTH = 32 * 2 ** 20;
/** One of this many inputs repeats a piece many times. */
const REPEAT_EVERY = 1000;

const bytesOf = (data: Uint8Array | string): Uint8Array => new Uint8Array(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);

/** The input of a seed. */
function inputOf(samples: readonly Uint8Array[], seed: number): Uint8Array {
  const random = randomOf(seed * 7919);
  const input = mutate(samples, random);
  if (seed % REPEAT_EVERY !== 0 || input.length === 0) return input;
  const at = Math.floor(random() * input.length);
  const piece = input.subarray(at, at + 1 + Math.floor(random() * 40));
  const times = Math.floor((random() * 40_000) / piece.length);
  return Buffer.concat([input.subarray(0, at), ...Array.from({ length: times }, () => piece), input.subarray(at)]);
}

/** Formats a verdict for comparison. */
function verdictText({ value, error, consumed }: Verdict, { vague = false }: FuzzTarget): string {
  const { code, phase, message } = Object(error) as { code?: string; phase?: string; message?: string };
  const shown = JSON.stringify(value, (_key, each: unknown) => (each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each));
  // The length of a quoted input depends on the cuts.
  const words = message?.replace(/"(?:[^"\\]|\\.)*"…?(?: \([^)]*\))?/, '"…"');
  return error === undefined ? `${shown} of ${consumed} bytes` : `${shown} ${code} ${phase} ${vague ? '' : words}`;
}

function cutsOf(input: Uint8Array, seed: number): Uint8Array[] {
  const random = randomOf(seed);
  const longest = 1 + Math.floor(random() * Math.max(8, input.length / 4));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < input.length;) {
    const next = at + Math.floor(random() * (longest + 1));
    chunks.push(input.slice(at, next));
    at = next;
  }
  return chunks;
}

/** Throws unless an input fails with an IOStreamError or passes, and the same for any cut. */
function examine(target: FuzzTarget, input: Uint8Array, seed: number): void {
  const verdict = target.run([input.slice()]);
  if ('error' in verdict) expect(verdict.error, `expected an IOStreamError, got ${String(verdict.error)}`).toBeInstanceOf(IOStreamError);
  target.oracle?.(input, verdict);
  if (target.cuts === false) return;
  const [whole, cut] = [verdictText(verdict, target), verdictText(target.run(cutsOf(input, seed)), target)];
  if (whole !== cut) throw new Error(`the result of one chunk is ${whole}, that of several ${cut}`);
}

function failure(target: FuzzTarget, input: Uint8Array, seed: number): unknown {
  try {
    examine(target, input, seed);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Defines the specs of one target: the inputs of FOUND, then new inputs. */
export function fuzzes(target: FuzzTarget): void {
  const samples = target.samples.map(bytesOf);
  const inputs = Math.round(target.inputs * SCALE);

  const found = FOUND[target.name] ?? [];
  if (found.length > 0) {
    it.each(found)(`${target.name} handles an input found before: $why`, ({ hex, seed }) => {
      examine(target, hex === undefined ? inputOf(samples, seed) : new Uint8Array(Buffer.from(hex, 'hex')), seed);
    });
  }

  it(`${target.name} handles ${inputs} random inputs, seeds from ${FIRST_SEED}`, { timeout: 60_000 * Math.max(1, SCALE) }, () => {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const { stackTraceLimit } = Error;
    // Stack traces would take most of the time.
    Error.stackTraceLimit = 0;
    onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
    for (let seed = FIRST_SEED; seed < FIRST_SEED + inputs; seed += 1) {
      const input = inputOf(samples, seed);
      const error = failure(target, input, seed);
      if (error === undefined) continue;
      const short = shrink(input, (less) => failure(target, less, seed) !== undefined);
      const why = `${target.name}: seed ${seed}, hex ${Buffer.from(short).toString('hex')} (${JSON.stringify(Buffer.from(short).toString('latin1'))})`;
      throw new Error(`${why}: ${inspect(failure(target, short, seed))}`, { cause: error });
    }
    globalThis.gc?.();
    const growth = process.memoryUsage().heapUsed - before;
    expect(growth < MAX_GROWTH, `the heap grew by ${growth} bytes`).toBe(true);
    counted.inputs += inputs;
  });
}

/** Number of inputs tried in this file. */
export const counted = { inputs: 0 };
