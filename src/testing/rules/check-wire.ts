import { ownOptions } from '../../util/own-options.ts';
import type { Dial, Wire } from '../../wire/signal.ts';
import { Endpoint } from './endpoint.ts';
import { watchUnhandled } from './unhandled-errors.ts';
import type { Peer } from './wire-peer.ts';
import { chosenRules, Findings, type Report } from './report.ts';
import { WIRE_CASES, type WireCase } from './wire-cases.ts';
import { RuleViolation, WireRun } from './wire-run.ts';

/** A new wire to check, and access to its other end. */
export interface WireUnderTest {
  readonly wire: Wire;
  /** A complete dial, as made by {@link testDial}. The check replaces its scheduler and timeouts in some cases. */
  readonly dial: Dial;
  /** Returns the other end of the latest connection, when it exists. Called after each subscription. */
  peer(): Peer | Promise<Peer>;
  /** Returns the number of connections that the other end has seen. If given, rule 1 also checks that nothing is dialled too early. */
  dialled?(): number;
  /** Frees what `make` opened, for example a listener. */
  free?(): void | Promise<void>;
}

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

const RULES_OF_WIRES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12];

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
  const given = ownOptions(options, 'checkWire', ['rules', 'singleUse', 'resets', 'volume', 'sentEvery', 'timeout', 'settleTurns']);
  const rules = chosenRules(given.rules, RULES_OF_WIRES, 'checkWire');
  const findings = new Findings();
  for (const [weight, each] of WIRE_CASES.entries()) {
    if (each.rules.some((rule) => rules.includes(rule) && !findings.has(rule))) await runCase(each, weight, make, given, findings);
  }
  return findings.report('the wire', rules);
}

async function runCase(
  each: WireCase,
  weight: number,
  make: () => WireUnderTest | Promise<WireUnderTest>,
  options: CheckWireOptions,
  findings: Findings,
): Promise<void> {
  findings.cases += 1;
  const made = await make();
  const { input } = each;
  const test = new WireRun(made, options, new Endpoint((rule, problem) => findings.add(rule, problem, input, weight)));
  const stop = watchUnhandled((error) => findings.add(5, `an error reached nobody: ${String(error)}`, input, weight));
  try {
    await each.run(test);
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error;
    findings.add(error.rule, error.message, input, weight);
  } finally {
    await test.free();
    stop();
    await made.free?.();
  }
}
