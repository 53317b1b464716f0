import { ownOptions } from '../../util/own-options.ts';
import type { Plugin, Target } from '../../wire/signal.ts';
import { chosenRules } from './chosen-rules.ts';
import { Findings, NO_INPUT } from './findings.ts';
import type { PluginCase } from './plugin/plugin-case.ts';
import { COLD_CASE, pluginCases } from './plugin/plugin-cases.ts';
import { factsOf } from './plugin/plugin-facts.ts';
import { PluginRun } from './plugin/plugin-run.ts';
import type { PluginSetup } from './plugin/plugin-setup.ts';
import { synchronousSignals } from './plugin/synchronous-signals.ts';
import { timeCases } from './plugin/time.ts';
import type { Report } from './report.ts';
import { reportViolation } from './rule-violation.ts';
import { numbersOf, RULES } from './rules.ts';
import { scriptedPeer, type PeerStep } from './scripted-peer.ts';
import { watchUnhandledErrors } from './watch-unhandled-errors.ts';

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

/** Maximum number of simultaneous connections. */
const MAX_CONNECTIONS = 64;

/**
 * Checks a plugin against the rules that every plugin must keep.
 *
 * ```text
 *   application ⇄ plugin ⇄ probe ⇄ memory pair ⇄ rechunker (cuts the peer's bytes) ⇄ peer ⇄ far application
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
  const own = ownOptions(options, 'checkPlugin', ['rules', 'to', 'time', 'single', 'pairs', 'random', 'seed', 'timeout', 'settleTurns']);
  const { to = { host: 'target.test', port: 7 }, time = 'virtual', timeout = 2000, settleTurns = 3 } = own;
  const { single = 200, pairs, random = 20, seed = 1 } = own;
  const isVirtual = time === 'virtual';
  const known = numbersOf(RULES).filter((rule) => isVirtual || rule !== 12);
  const rules = chosenRules(own.rules, known, isVirtual ? 'checkPlugin' : "checkPlugin with time: 'real'");
  const findings = new Findings(RULES);
  const isScripted = typeof peer !== 'function';
  const setup: PluginSetup = { plugin, peer: isScripted ? scriptedPeer(peer) : peer, isScripted, to, time, timeout, settleTurns, findings };
  const isWanted = (each: PluginCase): boolean => each.rules.some((rule) => rules.includes(rule) && !findings.has(rule));

  const stop = watchUnhandledErrors((error) => findings.add(5, `an error was not handled: ${String(error)}`, 'unknown', NO_INPUT));
  try {
    if (isWanted(COLD_CASE)) await runCase(COLD_CASE, setup);
    const facts = await factsOf(setup);
    if (!facts) {
      for (const rule of rules) findings.add(rule, "not checked: a plain connection did not emit 'connected'", 'none', NO_INPUT);
      return findings.report('the plugin', rules);
    }
    await runInBatches(pluginCases(facts, { single, pairs, random, seed }), isWanted, setup);
    for (const each of synchronousSignals()) if (isWanted(each)) await runCase(each, setup);
    if (isVirtual) for (const each of timeCases(facts.handshakeBytes)) if (isWanted(each)) await runCase(each, setup);
  } finally {
    stop();
  }
  return findings.report('the plugin', rules);
}

async function runInBatches(cases: Iterable<PluginCase>, isWanted: (each: PluginCase) => boolean, setup: PluginSetup): Promise<void> {
  let batch: Promise<void>[] = [];
  for (const each of cases) {
    if (!isWanted(each)) continue;
    batch.push(runCase(each, setup));
    if (batch.length < MAX_CONNECTIONS) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

async function runCase(each: PluginCase, setup: PluginSetup): Promise<void> {
  setup.findings.cases += 1;
  const test = new PluginRun(setup, each);
  try {
    await reportViolation(
      () => each.run(test),
      (rule, problem) => test.report(rule, problem),
    );
  } finally {
    test.finish();
  }
}
