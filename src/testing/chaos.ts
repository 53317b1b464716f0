import { IOStreamError } from '../errors.ts';
import { layer, type Layer, type Ports } from '../wire/layer.ts';
import { ownOptions } from '../wire/own-options.ts';
import type { Flow, Plugin, Up } from '../wire/signal.ts';
import { Steering } from '../wire/steering.ts';
import { ChaosLane } from './chaos-lane.ts';

/** What {@link chaos} does to a connection; all of it is off when absent. */
export interface ChaosOptions {
  /** The same seed misbehaves the same; a function is asked at each connection. @default 1 */
  readonly seed?: number | (() => number) | undefined;
  /** The chance, from 0 to 1, of a cut before each byte; 1 is byte by byte. Both ways. */
  readonly cut?: number | undefined;
  /** Up to so many ms later, each signal another time; the order stays. Both ways. */
  readonly delay?: number | undefined;
  /** Data waits for so many ms, and what has come meanwhile goes with it in one piece (64 KiB at the most, more or less). Both ways. */
  readonly coalesce?: number | undefined;
  /** Down, in pieces of 1 to so many bytes, each in a tick of its own. */
  readonly partialWrite?: number | undefined;
  /** The chance, from 0 to 1, that a piece of data is lost and nobody is told. Both ways. Breaks the rules of a wire. */
  readonly drop?: number | undefined;
  /**
   * The connection is reset: below 1 the chance at each piece of data, from 1 on after so many bytes, both ways together.
   * ECONNRESET comes up, and the wire below is reset.
   */
  readonly reset?: number | undefined;
}

/**
 * Makes a plugin that makes any wire misbehave, the same way each time: for tests, and for staging.
 *
 * ```text
 *   application ── Flow ──▶ coalesce ─ cut ─ partialWrite ─ delay ─ drop ─ reset ──▶ wire
 *   application ◀── Up ──── coalesce ─ cut ─                delay ─ drop ─ reset ◀── wire
 * ```
 *
 * Put it last in the list, next to the network, to see whether the plugins above bear it. `cut`, `delay`, `coalesce` and
 * `partialWrite` are what any network may do: all rules of a wire are kept, nothing is lost, `sent` is told when bytes have
 * really left, and a direction that holds 64 KiB pauses its sender. `reset` is what a network may do at its worst: bytes still
 * held are lost with it. `drop` is what TCP never does to a stream: with it you see whether what lies above (TLS, a checksum,
 * a frame length, a timeout) notices a hole. Dropped bytes count as `sent`.
 *
 * All time is on the dial's scheduler. Each direction has random numbers of its own: in what pieces one goes does not depend
 * on when the other came; it does depend on the pieces that are given.
 *
 * Completion down waits until what is held has gone down; completion and errors of the wire come up after all that it gave.
 * When the application resets, what is held is dropped. Unsubscribing frees everything.
 *
 * ```ts
 * import { IOStream } from 'rxjs-io-stream';
 * import { chaos } from 'rxjs-io-stream/testing';
 *
 * const rough = chaos({ seed: 7, cut: 0.05, delay: 20, reset: 0.0001 });
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { rough }, cb: console.log });
 * ```
 *
 * @throws TypeError when a chance is not from 0 to 1, another number negative, or `reset` over 1 and no whole number.
 */
export function chaos(options: ChaosOptions = {}): Plugin {
  const given = ownOptions(options, 'chaos', ['seed', 'cut', 'delay', 'coalesce', 'partialWrite', 'drop', 'reset']);
  check(given);
  return (wire) => (dial) => layer(wire, dial, (ports) => new ChaosLayer(given, ports));
}

function check(options: ChaosOptions): void {
  for (const name of ['cut', 'drop'] as const) {
    const value = options[name] ?? 0;
    if (!(value >= 0 && value <= 1)) throw new TypeError(`expected \`${name}\` to be a chance from 0 to 1, got ${value}`);
  }
  for (const name of ['delay', 'coalesce', 'partialWrite', 'reset'] as const) {
    const value = options[name] ?? 1;
    const least = name === 'partialWrite' ? 1 : 0;
    if (!(value >= least && value < Infinity)) throw new TypeError(`expected \`${name}\` to be a number from ${least} on, got ${value}`);
  }
  const { reset = 0 } = options;
  if (reset > 1 && !Number.isInteger(reset))
    throw new TypeError(`expected \`reset\` to be a chance below 1 or a whole number of bytes, got ${reset}`);
}

class ChaosLayer implements Layer {
  readonly #options: ChaosOptions;
  readonly #ports: Ports;
  readonly #downward: ChaosLane;
  readonly #upward: ChaosLane;
  /** Bytes that may pass before the reset. */
  #left: number;
  readonly #steering: Steering;
  #closing = false;

  constructor(options: ChaosOptions, ports: Ports) {
    const { seed = 1, reset = 0, cut, delay, coalesce, partialWrite } = options;
    const from = typeof seed === 'function' ? seed() : seed;
    this.#options = options;
    this.#ports = ports;
    this.#left = reset >= 1 ? reset : Infinity;
    const { scheduler } = ports.dial;
    const lane = (up: boolean): ChaosLane => {
      const own = { cut, delay, coalesce, partialWrite: up ? undefined : partialWrite };
      const events = { out: (signal: Up) => this.#out(signal, up), most: () => this.#left, changed: () => this.#balance() };
      // Odd and even: no two seeds that follow each other share a direction's numbers.
      return new ChaosLane(own, from * 2 + (up ? 1 : 0), scheduler, events);
    };
    this.#downward = lane(false);
    this.#upward = lane(true);
    this.#steering = new Steering(ports, this.#downward, this.#upward);
  }

  down(signal: Flow): void {
    if (signal.kind === 'data' || signal.kind === 'end') this.#downward.push(signal);
    else {
      this.#steering.appPaused = this.#upward.paused = signal.kind === 'pause';
      this.#balance();
      this.#upward.run();
    }
  }

  up(signal: Up): void {
    if (signal.kind === 'sent') this.#ports.up.next(signal);
    else if (signal.kind === 'pause' || signal.kind === 'resume') {
      const paused = signal.kind === 'pause';
      this.#steering.wirePaused = paused;
      this.#downward.paused = paused && !this.#closing;
      this.#balance();
      this.#downward.run();
    } else if (!this.#closing || signal.kind !== 'data') this.#upward.push(signal);
  }

  /** What is held goes down at its time; nobody waits for a wire that paused us, which must take it all the same. */
  closing(): true {
    this.#closing = true;
    this.#downward.paused = false;
    this.#downward.run();
    this.#finish();
    return true;
  }

  drain(end: () => void): void {
    this.#upward.flush();
    end();
  }

  free(): void {
    this.#downward.clear();
    this.#upward.clear();
  }

  #out(signal: Up, up: boolean): void {
    const { drop = 0, reset = 0 } = this.#options;
    if (signal.kind !== 'data') {
      this.#pass(signal, up);
      return;
    }
    const { random } = up ? this.#upward : this.#downward;
    this.#left -= signal.bytes.length;
    const lost = drop > 0 && random() < drop;
    const last = this.#left <= 0 || (reset > 0 && reset < 1 && random() < reset);
    if (!lost) this.#pass(signal, up);
    else if (!up) this.#ports.up.next({ kind: 'sent', bytes: signal.bytes.length });
    if (last) this.#reset();
  }

  #pass(signal: Up, up: boolean): void {
    if (up) this.#ports.up.next(signal);
    else this.#ports.down.next(signal as Flow);
  }

  #reset(): void {
    const { up, down, dial } = this.#ports;
    this.free();
    const error = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, layer: dial.layer, message: 'read ECONNRESET: chaos' });
    down.error(error);
    up.error(error);
  }

  #balance(): void {
    this.#steering.balance();
    this.#finish();
  }

  #finish(): void {
    if (this.#closing && this.#downward.empty) this.#ports.down.complete();
  }
}
