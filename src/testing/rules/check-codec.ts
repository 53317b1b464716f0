import { ownOptions } from '../../util/own-options.ts';
import type { OperatorFunction } from 'rxjs';
import { CODEC_CASES } from './codec-cases.ts';
import { CodecRun } from './codec-run.ts';
import { watchUnhandled } from './unhandled-errors.ts';
import { chosenRules, Findings, type Report } from './report.ts';
import { RuleViolation } from './wire-run.ts';

/** The codec to check: a `Codec` of the library, or any object of this shape. */
export interface CodecUnderTest<T, W> {
  decode(): OperatorFunction<Uint8Array, T>;
  encode(): OperatorFunction<W, Uint8Array>;
}

/** The options of {@link checkCodec}. */
export interface CheckCodecOptions<T> {
  /** Numbers of the rules to check. @default all; without `tooLong` all but 10 */
  readonly rules?: readonly number[] | undefined;
  /** The values that the messages decode to. @default the messages */
  readonly values?: readonly T[] | undefined;
  /** The bytes that each message must encode to; text is UTF-8. @default the output of `encode()` */
  readonly frames?: readonly (Uint8Array | string)[] | undefined;
  /** The start of a frame that exceeds the codec's limit, whatever follows. */
  readonly tooLong?: Uint8Array | string | undefined;
  /** Maximum number of single cuts. @default 200 */
  readonly single?: number | undefined;
  /** Also make every pair of cuts in streams of at most this many bytes. @default 16 */
  readonly pairs?: number | undefined;
  /** Number of random cuts. @default 20 */
  readonly random?: number | undefined;
  /** Seed of the first random cut and of the corrupted bytes. @default 1 */
  readonly seed?: number | undefined;
  /** Number of streams of corrupted bytes. @default 300 */
  readonly corrupted?: number | undefined;
  /** Real ms to wait for an expected signal before it counts as missing. @default 2000 */
  readonly timeout?: number | undefined;
}

const CHECK_NAMES = ['rules', 'values', 'frames', 'tooLong', 'single', 'pairs', 'random', 'seed', 'corrupted', 'timeout'] as const;

/** The rules that every codec must keep, by number. */
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
 * Checks a codec against the rules that every codec must keep.
 *
 * ```text
 *   messages ──▶ encode() ── bytes, cut, corrupted, truncated ──▶ decode() ──▶ the same messages, or an error with a code
 * ```
 *
 * | rule | what is checked |
 * |---|---|
 * | 1 round trip | messages encode to `frames`, and decode to the same messages |
 * | 2 cuts | any cut of the bytes decodes to the same messages, also with empty chunks between |
 * | 3 end | an end between frames completes; one inside a frame errors, after the preceding messages |
 * | 4 error | an error of the source is passed on, after the preceding messages; also by `encode()` |
 * | 5 unsubscribe | unsubscribes from the source at once, at each message and byte; emits nothing more |
 * | 6 state | subscriptions share no state, also in `encode()`; each starts empty |
 * | 7 named errors | corrupted input ends, the same for any cut; errors have a `code` and a `phase` |
 * | 8 ownership | input and output bytes are not changed |
 * | 9 synchronous bytes | bytes and end from inside `next` keep their order; 10,000 frames in a chunk do not deepen the stack |
 * | 10 limit | `tooLong` errors before the end of the source, after the preceding messages |
 *
 * Needs only `rxjs`, so any test runner will do.
 *
 * **Errors**
 * - Unhandled errors (`config.onUnhandledError`) count as findings while the check runs.
 *
 * ```ts
 * import { lines } from 'rxjs-io-stream';
 * import { checkCodec } from 'rxjs-io-stream/testing';
 *
 * const report = await checkCodec(lines({ maxLength: 20 }), ['one', '', 'zwölf'], { tooLong: 'x'.repeat(21) });
 * report.assert();
 * ```
 *
 * @param codec the codec.
 * @param messages at least one message; better several of different lengths.
 * @param options the rules, the expected frames, the number of cases.
 * @returns one result per rule, with the shortest input found that breaks it; `report.assert()` throws if a rule is broken.
 * @throws TypeError without messages, for an unknown rule, and for rule 10 without `tooLong`.
 * @see {@link rechunk} for the cuts alone.
 */
export async function checkCodec<T, W>(
  codec: CodecUnderTest<T, W>,
  messages: readonly W[],
  options: CheckCodecOptions<T> = {},
): Promise<Report> {
  if (messages.length === 0) throw new TypeError('expected `messages` of checkCodec to have one at least, got none');
  const all = Object.keys(CODEC_RULES).map(Number);
  const given = ownOptions(options, 'checkCodec', CHECK_NAMES);
  // Rule 10 needs a frame that exceeds the limit.
  const known = given.tooLong === undefined ? all.filter((rule) => rule !== 10) : all;
  const rules = chosenRules(given.rules, known, given.tooLong === undefined ? 'checkCodec without `tooLong`' : 'checkCodec');
  const findings = new Findings(CODEC_RULES);
  let rule = 1;
  const stop = watchUnhandled((error) => findings.add(rule, `an error reached nobody: ${String(error)}`, 'some stream', 1e9));
  try {
    const run = new CodecRun(codec as CodecUnderTest<unknown, never> as CodecUnderTest<unknown, unknown>, messages, given, findings);
    for (const [index, check] of CODEC_CASES.entries()) {
      const number = index + 1;
      rule = number;
      // All other rules need the round trip.
      if (number !== 1 && !rules.includes(number)) continue;
      await check(run).catch((error: unknown) => {
        if (!(error instanceof RuleViolation)) throw error;
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
