import { inspect } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { Conversation, type Link, type Need, type Talk } from '../../src/protocol/link.ts';
import { mutate } from '../../src/testing/chaos/mutate.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { shrink } from '../../src/testing/rules/shrink.ts';
import { FOUND } from './found.ts';

/** What came of an input. */
export interface Verdict {
  /** What was parsed; nothing when it was refused. */
  readonly value?: unknown;
  readonly error?: unknown;
  /** How many bytes of the input were taken. */
  readonly taken?: number;
}

/** Something that reads what a stranger sends. */
export interface FuzzTarget {
  readonly name: string;
  /** Right inputs, and interesting wrong ones. */
  readonly samples: readonly (Uint8Array | string)[];
  /** How many inputs are made of them. */
  readonly inputs: number;
  /** Parses chunks, and the end behind them. */
  run(chunks: readonly Uint8Array[]): Verdict;
  /** The same, however it is cut; false for what takes no chunks. @default true */
  readonly cuts?: boolean;
  /** Its messages say how much was there when it was refused: only codes and phases are the same, however it is cut. */
  readonly vague?: boolean;
  /** Throws when a result, or a refusal, is wrong by the grammar. */
  oracle?(input: Uint8Array, verdict: Verdict): void;
}

/** Times the number of inputs, for a long run. */
const SCALE = Number(process.env.FUZZ_SCALE ?? 1);
/** All seeds start here; input number n of a target has the seed `FIRST + n`. */
const FIRST = Number(process.env.FUZZ_SEED ?? 1);
/** Bytes that a target may keep in all. */
const KEPT = 32 * 2 ** 20;
/** One of so many inputs has a piece of it many times. */
const LONG = 1000;

const bytesOf = (data: Uint8Array | string): Uint8Array => new Uint8Array(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);

/** The input of a seed. */
function inputOf(samples: readonly Uint8Array[], seed: number): Uint8Array {
  const random = randomOf(seed * 7919);
  const input = mutate(samples, random);
  if (seed % LONG !== 0 || input.length === 0) return input;
  const at = Math.floor(random() * input.length);
  const piece = input.subarray(at, at + 1 + Math.floor(random() * 40));
  const times = Math.floor((random() * 40_000) / piece.length);
  return Buffer.concat([input.subarray(0, at), ...Array.from({ length: times }, () => piece), input.subarray(at)]);
}

/** What can be compared. */
function inWords({ value, error, taken }: Verdict, { vague = false }: FuzzTarget): string {
  const { code, phase, message } = Object(error) as { code?: string; phase?: string; message?: string };
  const shown = JSON.stringify(value, (_key, each: unknown) => (each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each));
  // A quote of what came is as long as what came in one piece.
  const words = message?.replace(/"(?:[^"\\]|\\.)*"…?(?: \([^)]*\))?/, '"…"');
  return error === undefined ? `${shown} of ${taken} bytes` : `${shown} ${code} ${phase} ${vague ? '' : words}`;
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

/** Throws unless one input keeps what holds for all. */
function examine(target: FuzzTarget, input: Uint8Array, seed: number): void {
  const verdict = target.run([input.slice()]);
  if ('error' in verdict) expect(verdict.error, `expected an IOStreamError, got ${String(verdict.error)}`).toBeInstanceOf(IOStreamError);
  target.oracle?.(input, verdict);
  if (target.cuts === false) return;
  const [whole, cut] = [inWords(verdict, target), inWords(target.run(cutsOf(input, seed)), target)];
  if (whole !== cut) throw new Error(`whole it gives ${whole}, cut ${cut}`);
}

function failure(target: FuzzTarget, input: Uint8Array, seed: number): unknown {
  try {
    examine(target, input, seed);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The specs of one target: what was once found, then new inputs. */
export function fuzzes(target: FuzzTarget): void {
  const samples = target.samples.map(bytesOf);
  const inputs = Math.round(target.inputs * SCALE);

  const found = FOUND[target.name] ?? [];
  if (found.length > 0) {
    it.each(found)(`${target.name}: bears what was once found: $why`, ({ hex, seed }) => {
      examine(target, hex === undefined ? inputOf(samples, seed) : new Uint8Array(Buffer.from(hex, 'hex')), seed);
    });
  }

  it(`${target.name}: bears ${inputs} inputs, seeds from ${FIRST}`, { timeout: 60_000 * Math.max(1, SCALE) }, () => {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const { stackTraceLimit } = Error;
    // Where an error was made costs more than all the rest.
    Error.stackTraceLimit = 0;
    onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
    for (let seed = FIRST; seed < FIRST + inputs; seed += 1) {
      const input = inputOf(samples, seed);
      const error = failure(target, input, seed);
      if (error === undefined) continue;
      const short = shrink(input, (less) => failure(target, less, seed) !== undefined);
      const why = `${target.name}: seed ${seed}, hex ${Buffer.from(short).toString('hex')} (${JSON.stringify(Buffer.from(short).toString('latin1'))})`;
      throw new Error(`${why}: ${inspect(failure(target, short, seed))}`, { cause: error });
    }
    globalThis.gc?.();
    const kept = process.memoryUsage().heapUsed - before;
    expect(kept < KEPT, `kept ${kept} bytes`).toBe(true);
    counted.inputs += inputs;
  });
}

/** So many inputs were tried in this file. */
export const counted = { inputs: 0 };

/** Runs a talk over chunks, and the end of the peer. What it waits for besides bytes is answered with nothing. */
export function talkOver<T>(talk: (link: Link) => Talk<T>, chunks: readonly Uint8Array[]): Verdict {
  const conversation = new Conversation(talk, { phase: 'handshake' });
  let given = 0;
  try {
    let result = conversation.start();
    const step = (next: () => IteratorResult<Need, T>): void => {
      result = next();
      while (!result.done && 'wait' in result.value) result = conversation.answer(undefined);
    };
    for (const chunk of chunks) {
      if (result.done) break;
      given += chunk.length;
      step(() => conversation.push(chunk));
    }
    if (!result.done) step(() => conversation.end());
    if (!result.done) return { error: new Error('it goes on after the end') };
    return { value: result.value, taken: given - conversation.unread };
  } catch (error) {
    return { error };
  }
}
