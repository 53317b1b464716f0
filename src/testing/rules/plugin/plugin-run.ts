import { noop } from 'rxjs';
import type { Up } from '../../../wire/signal.ts';
import { memoryPair } from '../../memory/memory-pair.ts';
import { syncPair } from '../../memory/sync-pair.ts';
import type { Clock } from '../clock.ts';
import { Endpoint } from '../endpoint.ts';
import { turn } from '../event-loop.ts';
import { PROBLEM } from '../problems.ts';
import { RuleChecks } from '../rule-checks.ts';
import { Dials } from './dials.ts';
import type { PluginRunOptions, PluginSetup } from './plugin-setup.ts';
import { Probe } from './probe.ts';
import { Rechunker } from './rechunker.ts';
import { SharedOperator } from './shared-operator.ts';

/** How far each turn of a wait advances virtual time, in ms. */
const MS_PER_TURN = 0.125;

/**
 * One case: a connection through the plugin.
 *
 * ```text
 *   app ⇄ plugin ⇄ probe ⇄ memory pair ⇄ rechunker ⇄ peer ⇄ far
 * ```
 */
export class PluginRun extends RuleChecks {
  readonly app: Endpoint;
  readonly far: Endpoint = new Endpoint();
  readonly probe: Probe;
  readonly rechunker: Rechunker;
  readonly #setup: PluginSetup;
  readonly #options: PluginRunOptions;
  readonly #dials: Dials;
  #shared: SharedOperator | undefined;
  /** Number of signals above and below the plugin so far. */
  signals = 0;
  #call: { readonly at: number; readonly action: () => void } | undefined;
  /** Whether waiting advances virtual time. */
  timePasses = true;
  /** Bytes that the plugin had written when the application wrote its last byte. All must be sent before `sent` counts that byte. */
  #writtenBelow = 0;

  constructor(setup: PluginSetup, options: PluginRunOptions) {
    super(setup.timeout);
    this.#setup = setup;
    this.#options = options;
    this.#dials = new Dials(setup, options);
    const report = (rule: number, problem: string): void => this.report(rule, problem);
    this.app = new Endpoint(report);
    this.probe = new Probe(report);
    this.rechunker = new Rechunker(options);
    this.probe.onSignal = () => this.#countSignal();
  }

  /** The scheduler of the plugin. */
  get clock(): Clock {
    return this.#dials.clock;
  }

  get isScripted(): boolean {
    return this.#setup.isScripted;
  }

  /** Subscribes the peer, then the plugin. */
  open(onSignal: (signal: Up) => void = noop): void {
    const { plugin, peer } = this.#setup;
    const { sync = false } = this.#options;
    const [a, b] = sync ? syncPair() : memoryPair();
    this.app.onSignal = (signal) => {
      onSignal(signal);
      if (signal.kind === 'sent') this.#checkSent();
      this.#countSignal();
    };
    this.far.dial(peer(this.rechunker.plugin(b)), this.#dials.ofPeer());
    this.#countSignal();
    this.app.dial(plugin(this.probe.wire(a)), this.#dials.ofPlugin());
  }

  /** Dials without subscribing. */
  dialOnly(): void {
    const [a] = memoryPair();
    this.#setup.plugin(this.probe.wire(a))(this.#dials.ofPlugin());
  }

  /** Dials without subscribing, for several connections. */
  dialShared(): SharedOperator {
    this.#shared = new SharedOperator(this.#setup, this.#options, this.#dials);
    return this.#shared;
  }

  /** Calls `action` once, at the signal with this number. */
  callAt(at: number, action: () => void): void {
    this.#call = { at, action };
  }

  /** Writes bytes as the application. */
  write(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.#writtenBelow = Infinity;
      this.app.write(chunk);
      this.#writtenBelow = this.probe.written;
    }
  }

  /** Adds a finding about this run. */
  report(rule: number, problem: string): void {
    const { input, plan } = this.#options;
    const { text, passed, chunks } = this.rechunker;
    const isRandom = plan.seed !== undefined;
    const weight = passed + chunks + input.length / 1000 + (isRandom ? 0.5 : 0);
    this.#setup.findings.add(rule, problem, `${input}; ${text}${isRandom ? ` (${plan.name})` : ''}`, weight);
  }

  async connected(rule = 2): Promise<void> {
    await this.eventually(rule, () => this.app.isConnected || this.app.isClosed, PROBLEM.notConnected);
    this.check(rule, this.app.isConnected, PROBLEM.notConnected);
  }

  /** Waits until the application has received these bytes, and no others. */
  async appReceives(rule: number, bytes: Uint8Array): Promise<void> {
    await this.receives(rule, this.app, bytes, ['the peer', 'the application']);
  }

  /** Waits until the far application has received these bytes, and no others. */
  async farReceives(rule: number, bytes: Uint8Array): Promise<void> {
    await this.receives(rule, this.far, bytes, ['the application', 'the peer']);
  }

  /** Waits for the connection to settle. Runs virtual actions that are due, but does not advance virtual time. */
  async settle(): Promise<void> {
    for (let round = 0; round < this.#setup.settleTurns; round += 1) await this.turn();
  }

  /** Runs everything that is due now. */
  async turn(): Promise<void> {
    await turn();
    this.advance(0);
  }

  /** Advances virtual time; does nothing in real time. */
  advance(ms: number): void {
    this.#dials.advance(ms);
  }

  /** Frees both ends; reports changed bytes and timers that remain. */
  finish(): void {
    this.app.checkMutations();
    this.probe.checkMutations();
    this.app.unsubscribe();
    this.far.unsubscribe();
    this.#shared?.free();
    const { pending } = this.clock;
    if (pending > 0) this.report(6, `the connection is over, and ${pending} timers are left on the scheduler`);
  }

  protected override onTurn(): void {
    this.advance(this.timePasses ? MS_PER_TURN : 0);
  }

  protected override errors(): readonly string[] {
    return [
      ...(this.app.is('error') ? [`Up errored: ${String(this.app.error)}`] : []),
      ...(this.far.is('error') ? [`the peer errored: ${String(this.far.error)}`] : []),
    ];
  }

  #countSignal(): void {
    const number = this.signals;
    this.signals += 1;
    if (this.#call?.at !== number) return;
    const { action } = this.#call;
    this.#call = undefined;
    action();
  }

  #checkSent(): void {
    const { sent, written } = this.app;
    if (sent !== written || this.#writtenBelow === Infinity) return;
    const remaining = this.#writtenBelow - this.probe.sent;
    if (remaining > 0)
      this.report(8, `'sent' reported all ${written} bytes while ${remaining} bytes that carry them were still to be sent`);
  }
}
