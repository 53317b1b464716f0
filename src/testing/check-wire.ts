import { ownOptions } from '../wire/own-options.ts';
import type { Dial, Wire } from '../wire/signal.ts';
import { AppEnd } from './app-end.ts';
import { watchEscapes } from './escapes.ts';
import type { Peer } from './peer.ts';
import { chosenRules, Findings, type Report } from './report.ts';
import { WIRE_CASES, type WireCase } from './wire-cases.ts';
import { Broken, WireRun } from './wire-run.ts';

/** A fresh wire to check, and the way to its other end. */
export interface WireUnderTest {
  readonly wire: Wire;
  /** Complete: see `testDial`. The check gives it other clocks and times. */
  readonly dial: Dial;
  /** The other end of the connection that was subscribed last. Asked after each subscription; waits until it is there. */
  peer(): Peer | Promise<Peer>;
  /** How many connections the other end has seen. With it, rule 1 also checks that nothing is dialled too early. */
  dialled?(): number;
  /** Frees what `make` opened, a listener for example. */
  free?(): void | Promise<void>;
}

/** What {@link checkWire} is told about a kind of wire. */
export interface CheckWireOptions {
  /** Only these rules. @default all that concern wires: 1–8 and 10–12 */
  readonly rules?: readonly number[] | undefined;
  /** A second subscription errors, as with an end of a pair or an fh. @default false */
  readonly singleUse?: boolean | undefined;
  /** Whether the other end can tell a reset from an end; false for UNIX sockets and pipes. @default true */
  readonly resets?: boolean | undefined;
  /** Bytes that surely fill all buffers on the way to a peer that does not read. @default 16 MiB */
  readonly volume?: number | undefined;
  /** `sent` must come at least once for so many bytes. @default Infinity; sockets keep 256 KiB */
  readonly sentEvery?: number | undefined;
  /** Real milliseconds after which what has not come is missing. @default 2000 */
  readonly patience?: number | undefined;
  /** Real milliseconds after which nothing more is expected to come. @default 30 */
  readonly quiet?: number | undefined;
}

const RULES_OF_WIRES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12];

/**
 * Checks a wire of any kind against the rules that every wire keeps.
 *
 * ```text
 *   check ── Flow ──▶ ┌──────┐ ══ bytes ══ ┌──────┐
 *         ◀── Up ──── │ wire │             │ Peer │ ◀── check
 *                     └──────┘             └──────┘
 * ```
 *
 * Makes a new wire for each case: transfers in several sizes, both orders of half-close, close with and without unread input,
 * reset from either side, unsubscribing at each stage, backpressure both ways, 10,000 chunks in one tick, the close timeout on
 * a virtual clock. Takes about a second when all is well. Needs only `rxjs`: any runner will do.
 *
 * While it runs, errors that reach nobody (`config.onUnhandledError`) count as findings.
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
 * @param make called for each case.
 * @returns one result per rule; `report.assert()` throws when a rule is broken. Rejects only when `make` or the peer fails.
 * @throws TypeError for a rule that does not concern wires.
 */
export async function checkWire(make: () => WireUnderTest | Promise<WireUnderTest>, options: CheckWireOptions = {}): Promise<Report> {
  const given = ownOptions(options, 'checkWire', ['rules', 'singleUse', 'resets', 'volume', 'sentEvery', 'patience', 'quiet']);
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
  const test = new WireRun(made, options, new AppEnd((rule, problem) => findings.add(rule, problem, input, weight)));
  const stop = watchEscapes((error) => findings.add(5, `an error reached nobody: ${String(error)}`, input, weight));
  try {
    await each.run(test);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    findings.add(error.rule, error.message, input, weight);
  } finally {
    await test.free();
    stop();
    await made.free?.();
  }
}
