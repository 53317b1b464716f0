import { ownOptions } from '../../util/own-options.ts';
import { chosenRules } from './chosen-rules.ts';
import { Endpoint } from './endpoint.ts';
import { Findings } from './findings.ts';
import type { Report } from './report.ts';
import { reportViolation } from './rule-violation.ts';
import { numbersOf, RULES } from './rules.ts';
import { watchUnhandledErrors } from './watch-unhandled-errors.ts';
import type { WireCase } from './wire/wire-case.ts';
import { WIRE_CASES } from './wire/wire-cases.ts';
import { WireRun, type WireRunOptions } from './wire/wire-run.ts';
import type { WireUnderTest } from './wire/wire-under-test.ts';

/** The options of {@link checkWire}. */
export interface CheckWireOptions {
  /** Numbers of the rules to check. @default all that concern wires: 1–8 and 10–12 */
  readonly rules?: readonly number[] | undefined;
  /** Whether a second subscription errors, as with an end of a `memoryPair` or an `fh`. @default false */
  readonly singleUse?: boolean | undefined;
  /** Whether the other end can distinguish a reset from an end; false for UNIX sockets and pipes. @default true */
  readonly resets?: boolean | undefined;
  /** Number of bytes that is sure to fill all buffers on the way to a peer that does not read. @default 16 MiB */
  readonly volume?: number | undefined;
  /** `sent` must be emitted at least once per this many bytes. @default Infinity; sockets keep 256 KiB */
  readonly sentEvery?: number | undefined;
  /** Real ms to wait for an expected signal before it counts as missing. @default 2000 */
  readonly timeout?: number | undefined;
  /** Real ms to wait before the connection counts as settled. @default 30 */
  readonly settleTurns?: number | undefined;
}

/** A wire has no handshake of its own, and therefore no leftovers: rule 9 concerns plugins only. */
const RULES_OF_WIRES = numbersOf(RULES).filter((rule) => rule !== 9);

/**
 * Checks a wire of any kind against the rules that every wire must keep.
 *
 * ```text
 *   check ── Flow ──▶ ┌──────┐ ══ bytes ══ ┌──────┐
 *         ◀── Up ──── │ wire │             │ Peer │ ◀── check
 *                     └──────┘             └──────┘
 * ```
 *
 * Makes a new wire for each case:
 *
 * - transfers of several sizes, and 10,000 chunks in one tick;
 * - both orders of half-close, and close with and without unread input;
 * - reset from either side, and unsubscribing at each stage;
 * - backpressure in both directions;
 * - the close timeout on a virtual clock.
 *
 * Takes about a second if no rule is broken. Needs only `rxjs`, so any test runner will do.
 *
 * **Errors**
 * - Unhandled errors (`config.onUnhandledError`) count as findings while the check runs.
 *
 * ```ts
 * import { checkWire, memoryPair, testDial, wirePeer } from 'rxjs-io-stream/testing';
 *
 * const report = await checkWire(
 *   () => {
 *     const [wire, other] = memoryPair();
 *     return { wire, dial: testDial(), peer: () => wirePeer(other, testDial()) };
 *   },
 *   { singleUse: true },
 * );
 * report.assert();
 * ```
 *
 * @param make returns a new wire and its other end; called for each case.
 * @param options which rules to check, and the properties of this kind of wire.
 * @returns one result per rule; `report.assert()` throws if a rule is broken. Otherwise rejects only if `make` or the peer fails.
 * @throws TypeError for a rule that does not concern wires.
 * @see {@link wirePeer} for the other end of a `memoryPair`, {@link checkPlugin} for plugins.
 */
export async function checkWire(make: () => WireUnderTest | Promise<WireUnderTest>, options: CheckWireOptions = {}): Promise<Report> {
  const own = ownOptions(options, 'checkWire', ['rules', 'singleUse', 'resets', 'volume', 'sentEvery', 'timeout', 'settleTurns']);
  const { singleUse = false, resets = true, volume = 2 ** 24, sentEvery = Infinity, timeout = 2000, settleTurns = 30 } = own;
  const rules = chosenRules(own.rules, RULES_OF_WIRES, 'checkWire');
  const findings = new Findings(RULES);
  for (const [weight, each] of WIRE_CASES.entries()) {
    if (!each.rules.some((rule) => rules.includes(rule) && !findings.has(rule))) continue;
    findings.cases += 1;
    await runCase(each, await make(), { singleUse, resets, volume, sentEvery, timeout, settleTurns }, (rule, problem) =>
      findings.add(rule, problem, each.input, weight),
    );
  }
  return findings.report('the wire', rules);
}

async function runCase(
  each: WireCase,
  underTest: WireUnderTest,
  options: WireRunOptions,
  report: (rule: number, problem: string) => void,
): Promise<void> {
  const test = new WireRun(underTest, options, new Endpoint(report));
  const stop = watchUnhandledErrors((error) => report(5, `an error was not handled: ${String(error)}`));
  try {
    await reportViolation(() => each.run(test), report);
  } finally {
    await test.finish();
    stop();
    await underTest.free?.();
  }
}
