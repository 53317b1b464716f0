import { ownOptions } from '../../util/own-options.ts';
import { chosenRules } from './chosen-rules.ts';
import { CODEC_CASES } from './codec/codec-cases.ts';
import { CodecRun, type CodecSetup } from './codec/codec-run.ts';
import type { CodecUnderTest } from './codec/codec-under-test.ts';
import { Findings, NO_INPUT } from './findings.ts';
import type { Report } from './report.ts';
import { reportViolation } from './rule-violation.ts';
import { CODEC_RULES, numbersOf } from './rules.ts';
import { watchUnhandledErrors } from './watch-unhandled-errors.ts';

/** The options of {@link checkCodec}. */
export interface CheckCodecOptions<T> {
  /** Numbers of the rules to check. @default all; without `tooLong` all but 10 */
  readonly rules?: readonly number[] | undefined;
  /** The values that the messages decode to. @default the messages */
  readonly values?: readonly T[] | undefined;
  /** The bytes that each message must encode to; text is UTF-8. @default the output of `encode()` */
  readonly frames?: readonly (Uint8Array | string)[] | undefined;
  /** The start of a frame that exceeds the codec's limit, whatever follows. @default none: rule 10 is not checked */
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

const OPTIONS = ['rules', 'values', 'frames', 'tooLong', 'single', 'pairs', 'random', 'seed', 'corrupted', 'timeout'] as const;
const ROUND_TRIP = 1;
const LIMIT = 10;

/**
 * Checks a codec against the rules that every codec must keep.
 *
 * ```text
 *   messages ──▶ encode() ── bytes, cut, corrupted, truncated ──▶ decode() ──▶ the same messages, or an error with a code
 * ```
 *
 * The rules: 1 round trip, 2 cuts, 3 end, 4 error, 5 unsubscribe, 6 state, 7 named errors, 8 ownership, 9 synchronous bytes, 10 limit.
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
 * @see docs/guides/testing.md for each rule, {@link rechunk} for the cuts alone.
 */
export async function checkCodec<T, W>(
  codec: CodecUnderTest<T, W>,
  messages: readonly W[],
  options: CheckCodecOptions<T> = {},
): Promise<Report> {
  if (messages.length === 0) throw new TypeError('expected `messages` of checkCodec to have one at least, got none');
  const own = ownOptions(options, 'checkCodec', OPTIONS);
  const hasTooLong = own.tooLong !== undefined;
  const known = numbersOf(CODEC_RULES).filter((rule) => hasTooLong || rule !== LIMIT);
  const rules = chosenRules(own.rules, known, hasTooLong ? 'checkCodec' : 'checkCodec without `tooLong`');
  const findings = new Findings(CODEC_RULES);
  const run = new CodecRun(setupOf(codec, messages, own), findings);
  let current = ROUND_TRIP;
  const stop = watchUnhandledErrors((error) => findings.add(current, `an error was not handled: ${String(error)}`, 'unknown', NO_INPUT));
  try {
    // All other rules need the round trip, also if it is not requested.
    for (const rule of [ROUND_TRIP, ...rules.filter((each) => each !== ROUND_TRIP)]) {
      if (findings.has(ROUND_TRIP)) break;
      current = rule;
      await reportViolation(
        async () => CODEC_CASES[rule - 1]?.(run),
        (broken, problem) => findings.add(broken, problem, 'all messages', NO_INPUT),
      );
    }
  } finally {
    stop();
  }
  if (findings.has(ROUND_TRIP)) for (const rule of rules) findings.add(rule, 'not checked: there is no round trip', 'none', NO_INPUT);
  return findings.report('the codec', rules);
}

function setupOf<T, W>(codec: CodecUnderTest<T, W>, messages: readonly W[], own: CheckCodecOptions<T>): CodecSetup {
  const { values = messages, frames, tooLong, single = 200, pairs = 16, random = 20, seed = 1, corrupted = 300, timeout = 2000 } = own;
  return {
    codec: codec as CodecUnderTest<unknown, never> as CodecUnderTest<unknown, unknown>,
    messages,
    values,
    frames: frames?.map(bytesOf),
    tooLong: tooLong === undefined ? undefined : bytesOf(tooLong),
    limits: { single, pairs, random, seed, corrupted, timeout },
  };
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
