import { ownOptions } from '../../util/own-options.ts';
import type { Plugin, Target } from '../../wire/signal.ts';
import { pattern } from '../bytes.ts';
import { watchUnhandled } from './unhandled-errors.ts';
import { aloneCases, COLD_CASE, pluginCases, timeCases, type PluginCase, type PluginFacts } from './plugin-cases.ts';
import { PluginRun, type PluginSetup } from './plugin-run.ts';
import { cutPlans, type CutPlan } from '../rechunk.ts';
import { chosenRules, Findings, type Report } from './report.ts';
import { scriptedPeer, type PeerStep } from './scripted-peer.ts';
import { RuleViolation } from './wire-run.ts';

/** The other end of the connection: a script of its part of the conversation, or the counterpart plugin. */
export type PluginPeer = Plugin | readonly PeerStep[];

/** The options of {@link checkPlugin}. */
export interface CheckPluginOptions {
  /** Numbers of the rules to check. @default all */
  readonly rules?: readonly number[] | undefined;
  /** The target to dial. @default { host: 'target.test', port: 7 } */
  readonly to?: Target | undefined;
  /** Use `'real'` for a plugin that waits for something outside of RxJS; rule 12 is then skipped. @default 'virtual' */
  readonly time?: 'virtual' | 'real' | undefined;
  /** Maximum number of single cuts of the peer's bytes. @default 200 */
  readonly single?: number | undefined;
  /** Also make every pair of cuts if the peer sends at most this many bytes. @default 16 */
  readonly pairs?: number | undefined;
  /** Number of random cuts. @default 20 */
  readonly random?: number | undefined;
  /** Seed of the first random cut. `{ random: 1, seed }` repeats the cut that a finding names. @default 1 */
  readonly seed?: number | undefined;
  /** Real ms to wait for an expected signal before it counts as missing. @default 2000 */
  readonly timeout?: number | undefined;
  /** Turns of the event loop to wait before the connection counts as settled. @default 3 */
  readonly settleTurns?: number | undefined;
}

const ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/** Maximum number of simultaneous connections. */
const TOGETHER = 64;

/**
 * Checks a plugin against the rules that every plugin must keep.
 *
 * ```text
 *   application ⇄ plugin ⇄ (probe) ⇄ memory pair ⇄ (cuts the peer's bytes) ⇄ peer ⇄ far application
 * ```
 *
 * Makes a few hundred connections. Bytes of the application must reach the far application, and the reverse:
 *
 * - the peer's bytes whole, byte by byte, cut at every place and at random, with empty chunks between;
 * - end and reset after each byte of the peer;
 * - end, close, reset and unsubscribe at every signal;
 * - pauses in both directions, and 10,000 chunks in a tick;
 * - a wire that answers from inside `next`;
 * - handshake timeouts on a virtual clock.
 *
 * Needs only `rxjs`, so any test runner will do. Do not run two checks of a plugin at once: the check temporarily watches the global
 * timers.
 *
 * **Errors**
 * - Unhandled errors (`config.onUnhandledError`) count as findings while the check runs.
 *
 * ```ts
 * import { handshake } from 'rxjs-io-stream';
 * import { checkPlugin } from 'rxjs-io-stream/testing';
 *
 * const knock = handshake({
 *   *talk(link) {
 *     link.send('KNOCK\n');
 *     yield* link.readUntil('\n', 256);
 *   },
 * });
 * (await checkPlugin(knock, [{ expect: 'KNOCK\n' }, { send: 'COME IN\n' }])).assert();
 * ```
 *
 * @param plugin the plugin to check.
 * @param peer the other end. For a cipher or framing: the plugin itself. For a handshake: a script (bytes then pass unchanged) or a
 *   plugin made by `handshake`. For a TLS client: a TLS server.
 * @param options which rules to check, and how thoroughly.
 * @returns one result per rule; `report.assert()` throws if a rule is broken.
 * @throws TypeError for an unknown rule, and for rule 12 in real time. Errors that the plugin throws when dialled are rethrown.
 * @see {@link marbles} to test one conversation, {@link checkWire} for wires.
 */
export async function checkPlugin(plugin: Plugin, peer: PluginPeer, options: CheckPluginOptions = {}): Promise<Report> {
  const given = ownOptions(options, 'checkPlugin', ['rules', 'to', 'time', 'single', 'pairs', 'random', 'seed', 'timeout', 'settleTurns']);
  const { to = { host: 'target.test', port: 7 }, time = 'virtual', timeout = 2000, settleTurns = 3 } = given;
  const { single = 200, pairs, random = 20, seed = 1 } = given;
  const known = time === 'virtual' ? ALL : ALL.filter((rule) => rule !== 12);
  const rules = chosenRules(given.rules, known, time === 'virtual' ? 'checkPlugin' : "checkPlugin with time: 'real'");
  const findings = new Findings();
  const other = typeof peer === 'function' ? peer : scriptedPeer(peer);
  const scripted = typeof peer !== 'function';
  const setup: PluginSetup = { plugin, peer: other, scripted, to, time, timeout, settleTurns, findings };
  const wanted = (each: PluginCase): boolean => each.rules.some((rule) => rules.includes(rule) && !findings.has(rule));

  const stop = watchUnhandled((error) => findings.add(5, `an error reached nobody: ${String(error)}`, 'some connection', 1e9));
  try {
    if (wanted(COLD_CASE)) await runCase(COLD_CASE, setup);
    const facts = await factsOf(setup);
    if (!facts) {
      for (const rule of rules) findings.add(rule, "not checked: a plain connection was never 'connected'", 'none', 1e9);
      return findings.report('the plugin', rules);
    }
    await together(pluginCases(facts, { single, pairs, random, seed }), wanted, setup);
    for (const each of aloneCases()) if (wanted(each)) await runCase(each, setup);
    if (time === 'virtual') for (const each of timeCases(facts)) if (wanted(each)) await runCase(each, setup);
  } finally {
    stop();
  }
  return findings.report('the plugin', rules);
}

async function together(cases: Iterable<PluginCase>, wanted: (each: PluginCase) => boolean, setup: PluginSetup): Promise<void> {
  let batch: Promise<void>[] = [];
  for (const each of cases) {
    if (!wanted(each)) continue;
    batch.push(runCase(each, setup));
    if (batch.length < TOGETHER) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

async function runCase(each: PluginCase, setup: PluginSetup): Promise<void> {
  setup.findings.cases += 1;
  const test = new PluginRun(setup, each);
  try {
    await each.run(test);
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error;
    test.fault(error.rule, error.message);
  } finally {
    test.free();
  }
}

/** Makes a plain connection to count the bytes and signals to cut at. Returns undefined if it does not connect. */
async function factsOf(setup: PluginSetup): Promise<PluginFacts | undefined> {
  const [plan] = [...cutPlans(0)] as [CutPlan];
  const test = new PluginRun(setup, { input: 'nothing', plan });
  const { far, cutter } = test;
  const five = pattern(5, 97);
  let talk = 0;
  far.react = ({ kind }) => kind === 'connected' && far.give(five);
  try {
    test.open(({ kind }) => {
      if (kind !== 'connected') return;
      talk = Math.max(0, cutter.passed - five.length);
      test.give(five);
    });
    await test.connected();
    await test.quiet();
    return { talk, bytes: cutter.passed, steps: test.steps };
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error;
    test.fault(error.rule, error.message);
    return undefined;
  } finally {
    test.free();
  }
}
