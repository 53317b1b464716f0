import type { Dial } from '../../wire/signal.ts';
import type { Endpoint } from './endpoint.ts';
import { sameBytes, show } from '../bytes.ts';
import type { CheckWireOptions, WireUnderTest } from './check-wire.ts';
import { turn, until } from './clock.ts';
import type { Peer } from './wire-peer.ts';

/** Thrown when a rule is broken; ends its case. */
export class RuleViolation extends Error {
  readonly rule: number;

  constructor(rule: number, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** {@link CheckWireOptions} with all defaults filled in. */
type WireOptions = { readonly [K in Exclude<keyof CheckWireOptions, 'rules'>]-?: Exclude<CheckWireOptions[K], undefined> };

/** The context of one case: a new wire between `app` and a peer. */
export class WireRun {
  readonly made: WireUnderTest;
  readonly app: Endpoint;
  readonly options: WireOptions;
  readonly peers: Peer[] = [];
  /** Called at each turn of a wait, for example to advance virtual time. */
  tick: () => void = () => {};

  constructor(made: WireUnderTest, options: CheckWireOptions, app: Endpoint) {
    const { singleUse = false, resets = true, volume = 2 ** 24, sentEvery = Infinity } = options;
    const { timeout = 2000, settleTurns = 30 } = options;
    this.made = made;
    this.app = app;
    this.options = { singleUse, resets, volume, sentEvery, timeout, settleTurns };
  }

  /** Dials, and waits until both ends are connected. */
  async connect(dial: Dial = this.made.dial): Promise<Peer> {
    this.app.dial(this.made.wire, dial);
    return this.joined();
  }

  async joined(app: Endpoint = this.app): Promise<Peer> {
    const peer = await this.made.peer();
    this.peers.push(peer);
    await this.must(2, () => app.connected || !app.is('open'), "'connected' did not come");
    return peer;
  }

  /** Waits until `passes` returns true; reports the rule as broken after a timeout. */
  async must(rule: number, passes: () => boolean, problem: string | (() => string)): Promise<void> {
    const ok = await until(passes, { timeout: this.options.timeout, tick: () => this.tick() });
    if (!ok) this.broken(rule, typeof problem === 'string' ? problem : problem());
  }

  /** Reports the rule as broken unless `holds`. */
  check(rule: number, holds: boolean, problem: string): void {
    if (!holds) this.broken(rule, problem);
  }

  broken(rule: number, problem: string): never {
    const { state, error } = this.app;
    throw new RuleViolation(rule, state === 'error' ? `${problem} (Up errored: ${String(error)})` : problem);
  }

  /** Waits until the application has received these bytes, and no others. */
  async appGets(rule: number, bytes: Uint8Array, app: Endpoint = this.app): Promise<void> {
    const came = (): string => `of ${show(bytes)} written by the peer, ${show(app.bytes)} came up`;
    await this.must(rule, () => app.received >= bytes.length, came);
    this.check(rule, sameBytes(app.bytes, bytes), came());
  }

  /** Waits until the peer has received these bytes, and no others. */
  async peerGets(rule: number, bytes: Uint8Array, peer: Peer): Promise<void> {
    const came = (): string => `of ${show(bytes)} given down, ${show(peer.received())} reached the peer`;
    await this.must(rule, () => peer.count() >= bytes.length, came);
    this.check(rule, sameBytes(peer.received(), bytes), came());
  }

  /** Waits in real time for the connection to settle. */
  quiet(ms: number = this.options.settleTurns): Promise<void> {
    return turn(ms);
  }

  async free(): Promise<void> {
    this.app.verify();
    this.app.unsubscribe();
    for (const peer of this.peers) peer.reset();
    await turn();
  }
}
