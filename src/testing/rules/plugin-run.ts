import { asyncScheduler, defer } from 'rxjs';
import type { Dial, Plugin, Target, Timeouts, Up, Wire } from '../../wire/signal.ts';
import { Endpoint } from './endpoint.ts';
import { sameBytes, show } from '../bytes.ts';
import { Clock, turn, until } from './clock.ts';
import { Rechunker, type Stop } from '../chaos/rechunker.ts';
import { memoryPair } from '../memory/memory-pair.ts';
import { Probe } from './probe.ts';
import type { CutPlan } from '../rechunk.ts';
import type { Findings } from './report.ts';
import { syncPair } from '../memory/sync-pair.ts';
import { testDial } from '../test-dial.ts';
import { RuleViolation } from './wire-run.ts';

/** The values that all runs of one check share. */
export interface PluginSetup {
  readonly plugin: Plugin;
  readonly peer: Plugin;
  /** Whether the peer is a script, after which bytes pass unchanged. */
  readonly scripted: boolean;
  readonly to: Target;
  readonly time: 'virtual' | 'real';
  readonly timeout: number;
  readonly settleTurns: number;
  readonly findings: Findings;
}

/** The values of one run. */
export interface RunOptions {
  /** Describes what the application does. */
  readonly input: string;
  readonly plan: CutPlan;
  readonly stop?: Stop | undefined;
  readonly drip?: number | undefined;
  /** Use a wire without ticks, which answers from inside `next`. */
  readonly sync?: boolean | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly deadline?: number | undefined;
}

/** One of several connections through the same operator. */
export interface Direction {
  readonly app: Endpoint;
  readonly far: Endpoint;
  join(): void;
}

/**
 * One connection through the plugin.
 *
 * ```text
 *   app ⇄ plugin ⇄ probe ⇄ a ~~~~ b ⇄ cutter ⇄ peer ⇄ far
 * ```
 */
export class PluginRun {
  readonly app: Endpoint;
  readonly far: Endpoint = new Endpoint();
  readonly probe: Probe;
  readonly cutter: Rechunker;
  readonly clock: Clock = new Clock();
  readonly farClock: Clock = new Clock();
  readonly #setup: PluginSetup;
  readonly #options: RunOptions;
  readonly #lanes: Direction[] = [];
  /** Number of signals above and below the plugin so far. */
  steps = 0;
  /** The number of the signal at which to call `act`. */
  at: number | undefined;
  act: () => void = () => {};
  /** Whether waiting advances virtual time. */
  passing = true;
  /** Bytes that the plugin had written when the application wrote its last byte. All must be sent before `sent` counts that byte. */
  #mark = 0;

  constructor(setup: PluginSetup, options: RunOptions) {
    this.#setup = setup;
    this.#options = options;
    const fault = (rule: number, problem: string): void => this.fault(rule, problem);
    this.app = new Endpoint(fault);
    this.probe = new Probe(fault);
    this.cutter = new Rechunker(options);
    this.probe.react = () => this.#step();
  }

  get scripted(): boolean {
    return this.#setup.scripted;
  }

  get real(): boolean {
    return this.#setup.time === 'real';
  }

  /** Subscribes the peer, then the plugin. */
  open(react: (signal: Up) => void = () => {}): this {
    const { plugin, peer } = this.#setup;
    const { sync = false } = this.#options;
    const [a, b] = sync ? syncPair() : memoryPair();
    this.app.react = (signal) => {
      react(signal);
      this.#checkSent(signal);
      this.#step();
    };
    this.far.dial(peer(this.cutter.plugin(b)), this.#dial('peer'));
    this.#step();
    this.app.dial(plugin(this.probe.wire(a)), this.#dial('plugin'));
    return this;
  }

  /** Dials without subscribing. */
  build(): void {
    const [a] = memoryPair();
    this.#setup.plugin(this.probe.wire(a))(this.#dial('plugin'));
  }

  /** Creates several connections through the same operator; `join` subscribes to each. */
  lanes(count: number): readonly Direction[] {
    const { plugin, peer } = this.#setup;
    const lanes: Direction[] = [];
    let next: Endpoint | undefined;
    const below: Wire = (dial) => (flow$) =>
      defer(() => {
        const [a, b] = memoryPair();
        next?.dial(peer(new Rechunker(this.#options).plugin(b)), this.#dial('peer'));
        return flow$.pipe(a(dial));
      });
    const operator = plugin(below)(this.#dial('plugin'));
    for (let at = 0; at < count; at += 1) {
      const [app, far] = [new Endpoint(), new Endpoint()];
      const join = (): void => {
        next = far;
        app.join(operator);
      };
      lanes.push({ app, far, join });
    }
    this.#lanes.push(...lanes);
    return lanes;
  }

  #dial(layer: 'plugin' | 'peer'): Dial {
    const { to } = this.#setup;
    const clock = layer === 'plugin' ? this.clock : this.farClock;
    const { timeouts, deadline } = layer === 'plugin' ? this.#options : {};
    return testDial({ to, layer, timeouts, deadline, scheduler: this.real ? asyncScheduler : clock });
  }

  /** Writes bytes as the application. */
  give(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.#mark = Infinity;
      this.app.give(chunk);
      this.#mark = this.probe.given;
    }
  }

  fault(rule: number, problem: string): void {
    const { findings } = this.#setup;
    const { input, plan } = this.#options;
    const { text, passed, chunks } = this.cutter;
    const seeded = plan.seed !== undefined;
    const weight = passed + chunks + input.length / 1000 + (seeded ? 0.5 : 0);
    findings.add(rule, problem, `${input}; ${text}${seeded ? ` (${plan.name})` : ''}`, weight);
  }

  async must(rule: number, passes: () => boolean, problem: string | (() => string)): Promise<void> {
    const tick = (): void => this.advance(this.passing ? 0.125 : 0);
    const ok = await until(passes, { timeout: this.#setup.timeout, tick });
    if (!ok) this.broken(rule, typeof problem === 'string' ? problem : problem());
  }

  check(rule: number, holds: boolean, problem: string): void {
    if (!holds) this.broken(rule, problem);
  }

  broken(rule: number, problem: string): never {
    const errors = [
      this.app.is('error') ? `Up errored: ${String(this.app.error)}` : '',
      this.far.is('error') ? `the peer errored: ${String(this.far.error)}` : '',
    ].filter((text) => text !== '');
    throw new RuleViolation(rule, errors.length > 0 ? `${problem} (${errors.join('; ')})` : problem);
  }

  async connected(rule = 2): Promise<void> {
    await this.must(rule, () => this.app.connected || this.app.over, "'connected' did not come");
    this.check(rule, this.app.connected, "'connected' did not come");
  }

  async appGets(rule: number, bytes: Uint8Array): Promise<void> {
    await this.#gets(rule, this.app, bytes, 'that the peer sent', 'came up');
  }

  async farGets(rule: number, bytes: Uint8Array): Promise<void> {
    await this.#gets(rule, this.far, bytes, 'that the application gave', 'reached the peer');
  }

  /** Waits for the connection to settle. Runs virtual actions that are due, but does not advance virtual time. */
  async quiet(): Promise<void> {
    const { settleTurns } = this.#setup;
    for (let round = 0; round < settleTurns; round += 1) {
      await this.settle();
    }
  }

  advance(ms: number): void {
    if (this.real) return;
    this.clock.advance(ms);
    this.farClock.advance(ms);
  }

  /** Runs everything that is due now. */
  async settle(): Promise<void> {
    await turn();
    this.advance(0);
  }

  /** Frees both ends; reports timers that remain. */
  free(): void {
    this.app.verify();
    this.probe.verify();
    this.app.unsubscribe();
    this.far.unsubscribe();
    for (const { app, far } of this.#lanes) for (const end of [app, far]) end.unsubscribe();
    if (this.clock.pending > 0) this.fault(6, `after the end ${this.clock.pending} timers are left on the scheduler`);
  }

  async #gets(rule: number, end: Endpoint, bytes: Uint8Array, whose: string, how: string): Promise<void> {
    const problem = (): string => `of ${show(bytes)} ${whose}, ${show(end.bytes)} ${how}`;
    await this.must(rule, () => end.received >= bytes.length || end.over, problem);
    this.check(rule, sameBytes(end.bytes, bytes), problem());
  }

  #step(): void {
    this.steps += 1;
    if (this.steps - 1 !== this.at) return;
    this.at = undefined;
    this.act();
  }

  #checkSent({ kind }: Up): void {
    if (kind !== 'sent' || this.app.sent !== this.app.written || this.#mark === Infinity) return;
    const left = this.#mark - this.probe.sent;
    if (left > 0) this.fault(8, `all ${this.app.written} bytes were told to be sent when ${left} that hold them had not left`);
  }
}
