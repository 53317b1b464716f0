import { ownOptions } from '../wire/own-options.ts';
import type { OperatorFunction } from 'rxjs';
import { CODEC_CASES } from './codec-cases.ts';
import { CodecRun } from './codec-run.ts';
import { watchEscapes } from './escapes.ts';
import { chosenRules, Findings, type Report } from './report.ts';
import { Broken } from './wire-run.ts';

/** What is checked: a `Codec`, made with the library or by hand. */
export interface CodecUnderTest<T, W> {
  decode(): OperatorFunction<Uint8Array, T>;
  encode(): OperatorFunction<W, Uint8Array>;
}

/** How {@link checkCodec} checks. */
export interface CheckCodecOptions<T> {
  /** Only these rules. @default all; without `tooLong` all but 10 */
  readonly rules?: readonly number[] | undefined;
  /** What is decoded of the messages. @default the messages */
  readonly values?: readonly T[] | undefined;
  /** The bytes that each message must become; text is UTF-8. @default whatever `encode()` makes */
  readonly frames?: readonly (Uint8Array | string)[] | undefined;
  /** Begins a frame that is longer than the codec's limit, wherever it would end. */
  readonly tooLong?: Uint8Array | string | undefined;
  /** How many single cuts at most. @default 200 */
  readonly single?: number | undefined;
  /** Every pair of cuts too, of so many bytes at most. @default 16 */
  readonly pairs?: number | undefined;
  /** How many random cuts. @default 20 */
  readonly random?: number | undefined;
  /** The seed of the first random cut and of the spoiled bytes. @default 1 */
  readonly seed?: number | undefined;
  /** How many streams of spoiled bytes. @default 300 */
  readonly spoiled?: number | undefined;
  /** Real milliseconds after which what has not come is missing. @default 2000 */
  readonly patience?: number | undefined;
}

const CHECK_NAMES = ['rules', 'values', 'frames', 'tooLong', 'single', 'pairs', 'random', 'seed', 'spoiled', 'patience'] as const;

/** The rules that every codec keeps, by number. */
export const CODEC_RULES: Readonly<Record<number, string>> = {
  1: 'round trip',
  2: 'cuts',
  3: 'end',
  4: 'error',
  5: 'unsubscribe',
  6: 'state',
  7: 'named errors',
  8: 'ownership',
  9: 'synchronous bytes',
  10: 'limit',
};

/**
 * Checks a codec against the rules that every codec keeps.
 *
 * ```text
 *   messages ──▶ encode() ── bytes, cut in every way, spoiled, cut off ──▶ decode() ──▶ the same messages, or a named error
 * ```
 *
 * | rule | what is checked |
 * |---|---|
 * | 1 round trip | what is encoded is decoded again, and is `frames` |
 * | 2 cuts | the same messages however the bytes are cut, with empty chunks between |
 * | 3 end | an end between frames completes; one inside a frame errors, after the messages before it |
 * | 4 error | an error of the source is passed on, after the messages before it; both ways |
 * | 5 unsubscribe | the source is left at once, at each message and each byte; nothing comes any more |
 * | 6 state | each subscription has its own, both ways; after an error the next one starts anew |
 * | 7 named errors | whatever comes, it ends, and errors have a `code` and a `phase`; cuts change nothing |
 * | 8 ownership | bytes that were given, and those it gave, are not changed |
 * | 9 synchronous bytes | bytes and the end from inside `next` keep the order; 10,000 frames in a chunk do not deepen the stack |
 * | 10 limit | `tooLong` errors before the end, after the messages before it |
 *
 * Needs only `rxjs`: any runner will do. While it runs, errors that reach nobody (`config.onUnhandledError`) count as findings.
 *
 * ```ts
 * import { lines } from 'rxjs-io-stream';
 * import { checkCodec } from 'rxjs-io-stream/testing';
 *
 * const report = await checkCodec(lines({ maxLength: 20 }), ['one', '', 'zwölf'], { tooLong: 'x'.repeat(21) });
 * report.assert();
 * ```
 *
 * @param codec what is checked.
 * @param messages some that it encodes, of different lengths; one at least.
 * @returns one result per rule, with the shortest input found that breaks it; `report.assert()` throws when one is broken.
 * @throws TypeError without messages, for a rule that there is not, and for rule 10 without `tooLong`.
 */
export async function checkCodec<T, W>(
  codec: CodecUnderTest<T, W>,
  messages: readonly W[],
  options: CheckCodecOptions<T> = {},
): Promise<Report> {
  if (messages.length === 0) throw new TypeError('expected `messages` of checkCodec to have one at least, got none');
  const all = Object.keys(CODEC_RULES).map(Number);
  const given = ownOptions(options, 'checkCodec', CHECK_NAMES);
  // The limit cannot be checked without a frame that is over it.
  const known = given.tooLong === undefined ? all.filter((rule) => rule !== 10) : all;
  const rules = chosenRules(given.rules, known, given.tooLong === undefined ? 'checkCodec without `tooLong`' : 'checkCodec');
  const findings = new Findings(CODEC_RULES);
  let rule = 1;
  const stop = watchEscapes((error) => findings.add(rule, `an error reached nobody: ${String(error)}`, 'some stream', 1e9));
  try {
    const run = new CodecRun(codec as CodecUnderTest<unknown, never> as CodecUnderTest<unknown, unknown>, messages, given, findings);
    for (const [index, check] of CODEC_CASES.entries()) {
      const number = index + 1;
      rule = number;
      // Without a round trip there is nothing to check with.
      if (number !== 1 && !rules.includes(number)) continue;
      await check(run).catch((error: unknown) => {
        if (!(error instanceof Broken)) throw error;
        findings.add(error.rule, error.message, 'all messages', 1e9);
      });
      if (number === 1 && findings.has(1)) break;
    }
  } finally {
    stop();
  }
  if (findings.has(1)) for (const each of rules) findings.add(each, 'not checked: there is no round trip', 'none', 1e9);
  return findings.report('the codec', rules);
}
