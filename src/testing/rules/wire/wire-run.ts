import type { Dial } from '../../../wire/signal.ts';
import { Clock } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { turn } from '../event-loop.ts';
import { PROBLEM } from '../problems.ts';
import { RuleChecks } from '../rule-checks.ts';
import type { Peer } from '../wire-peer.ts';
import type { WireUnderTest } from './wire-under-test.ts';

/** The properties of the kind of wire, and the waits. See `CheckWireOptions`. */
export interface WireRunOptions {
  readonly singleUse: boolean;
  readonly resets: boolean;
  readonly volume: number;
  readonly sentEvery: number;
  readonly timeout: number;
  readonly settleTurns: number;
}

/** A deadline far after the end of any case. */
const NO_DEADLINE = 1e6;

/** One case: a new wire between an application and a peer. */
export class WireRun extends RuleChecks {
  readonly underTest: WireUnderTest;
  readonly app: Endpoint;
  readonly options: WireRunOptions;
  /** The scheduler of {@link virtualDial}. */
  readonly clock: Clock = new Clock();
  /** How far each turn of a wait advances `clock`, in ms. */
  msPerTurn = 0;
  readonly #peers: Peer[] = [];

  constructor(underTest: WireUnderTest, options: WireRunOptions, app: Endpoint) {
    super(options.timeout);
    this.underTest = underTest;
    this.app = app;
    this.options = options;
  }

  /** A dial on virtual time. */
  virtualDial(timeouts: Partial<Dial['timeouts']> = {}): Dial {
    const { dial } = this.underTest;
    return { ...dial, scheduler: this.clock, deadline: NO_DEADLINE, timeouts: { ...dial.timeouts, ...timeouts } };
  }

  /** Dials, and waits until both ends are connected. */
  async connect(dial: Dial = this.underTest.dial): Promise<Peer> {
    return this.connected(this.app.dial(this.underTest.wire, dial));
  }

  /** Waits until an application and its peer are connected. */
  async connected(app: Endpoint): Promise<Peer> {
    const peer = await this.underTest.peer();
    this.#peers.push(peer);
    await this.eventually(2, () => app.isConnected || !app.is('open'), PROBLEM.notConnected);
    return peer;
  }

  /** Waits until the application has received these bytes, and no others. */
  async appReceives(rule: number, bytes: Uint8Array, app: Endpoint = this.app): Promise<void> {
    await this.receives(rule, app, bytes, ['the peer', 'the application']);
  }

  /** Waits until the peer has received these bytes, and no others. */
  async peerReceives(rule: number, bytes: Uint8Array, peer: Peer): Promise<void> {
    const receiver = {
      get received(): number {
        return peer.count();
      },
      get bytes(): Uint8Array {
        return peer.received();
      },
      isClosed: false,
    };
    await this.receives(rule, receiver, bytes, ['the application', 'the peer']);
  }

  /** Waits in real time for the connection to settle. */
  settle(ms: number = this.options.settleTurns): Promise<void> {
    return turn(ms);
  }

  /** Checks that no bytes were changed, and frees both ends. */
  async finish(): Promise<void> {
    this.app.checkMutations();
    this.app.unsubscribe();
    for (const peer of this.#peers) peer.reset();
    await turn();
  }

  protected override onTurn(): void {
    this.clock.advance(this.msPerTurn);
  }

  protected override errors(): readonly string[] {
    const { state, error } = this.app;
    return state === 'error' ? [`Up errored: ${String(error)}`] : [];
  }
}
