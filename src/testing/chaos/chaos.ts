import { IOStreamError } from '../../errors.ts';
import { layer, type Layer, type LayerContext } from '../../wire/layer.ts';
import { ownOptions } from '../../util/own-options.ts';
import type { Flow, Plugin, Up } from '../../wire/signal.ts';
import { FlowControl } from '../../wire/flow-control.ts';
import { ChaosDirection } from './chaos-direction.ts';

/** The options of {@link chaos}. Each fault is off by default. */
export interface ChaosOptions {
  /** Seed of the random numbers: the same seed repeats the same faults. A function is called for each connection. @default 1 */
  readonly seed?: number | (() => number) | undefined;
  /** Probability, 0 to 1, of a cut before each byte; 1 = byte by byte. Both directions. @default 0 */
  readonly cut?: number | undefined;
  /** Maximum random delay of each signal, in ms. The order is kept. Both directions. @default 0 */
  readonly delay?: number | undefined;
  /** Delays data by this many ms and joins the chunks that arrive meanwhile, up to about 64 KiB. Both directions. @default 0 */
  readonly coalesce?: number | undefined;
  /** Maximum size of a write in bytes: splits outbound data into chunks of 1 to this many bytes, each in its own tick. @default no limit */
  readonly partialWrite?: number | undefined;
  /** Probability, 0 to 1, that a chunk is silently lost. Both directions. Breaks the rules of a wire. @default 0 */
  readonly drop?: number | undefined;
  /**
   * Resets the connection. Below 1: the probability at each chunk. From 1 on: the number of bytes, counted over both directions.
   * Emits ECONNRESET and resets the wire below.
   *
   * @default 0: never
   */
  readonly reset?: number | undefined;
}

/**
 * Creates a plugin that injects network faults into any wire, reproducibly. For tests and staging.
 *
 * ```text
 *   application ── Flow ──▶ coalesce ─ cut ─ partialWrite ─ delay ─ drop ─ reset ──▶ wire
 *   application ◀── Up ──── coalesce ─ cut ─                delay ─ drop ─ reset ◀── wire
 * ```
 *
 * Put it last in the list, next to the network, to test the plugins above it.
 *
 * - `cut`, `delay`, `coalesce` and `partialWrite` are normal for a network: all rules of a wire are kept.
 * - `drop` never happens to a TCP stream. Use it to test whether TLS, a checksum, a frame length or a timeout detects a gap.
 * - All timers run on the dial's scheduler.
 *
 * **Errors**
 * - `reset` drops the buffered bytes. A reset by the application drops them too.
 * - Errors of the wire are emitted after the bytes read before them.
 *
 * **Closing**
 * - Closing first writes the buffered bytes, even to a paused wire.
 * - Completion of the wire is emitted after the bytes read before it.
 *
 * **Backpressure**
 * - A direction that buffers 64 KiB pauses its sender. It resumes the sender below half of that.
 * - `sent` is emitted when the wire has sent the bytes. Dropped bytes count as `sent`.
 *
 * **Memory**
 * - About 64 KiB per direction, plus what a paused sender still writes. Unsubscribing frees it.
 *
 * ```ts
 * import { IOStream } from 'rxjs-io-stream';
 * import { chaos } from 'rxjs-io-stream/testing';
 *
 * const rough = chaos({ seed: 7, cut: 0.05, delay: 20, reset: 0.0001 });
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { rough }, cb: console.log });
 * ```
 *
 * @param options the faults to inject.
 * @throws TypeError for a probability outside 0 to 1, a negative or infinite number, `partialWrite` below 1, or a fractional `reset` over 1.
 * @see docs/guides/testing.md for the random numbers, {@link memoryPair} for latency and bandwidth without a network.
 */
export function chaos(options: ChaosOptions = {}): Plugin {
  const own = ownOptions(options, 'chaos', ['seed', 'cut', 'delay', 'coalesce', 'partialWrite', 'drop', 'reset']);
  check(own);
  return (wire) => (dial) => layer(wire, dial, (context) => new ChaosLayer(own, context));
}

function check(options: ChaosOptions): void {
  for (const name of ['cut', 'drop'] as const) {
    const value = options[name] ?? 0;
    if (!(value >= 0 && value <= 1)) throw new TypeError(`expected \`${name}\` to be a chance from 0 to 1, got ${value}`);
  }
  for (const name of ['delay', 'coalesce', 'partialWrite', 'reset'] as const) {
    const value = options[name] ?? 1;
    const min = name === 'partialWrite' ? 1 : 0;
    if (!(value >= min && value < Infinity)) throw new TypeError(`expected \`${name}\` to be a number from ${min} on, got ${value}`);
  }
  const { reset = 0 } = options;
  if (reset > 1 && !Number.isInteger(reset))
    throw new TypeError(`expected \`reset\` to be a chance below 1 or a whole number of bytes, got ${reset}`);
}

class ChaosLayer implements Layer {
  readonly #options: ChaosOptions;
  readonly #context: LayerContext;
  readonly #outbound: ChaosDirection;
  readonly #inbound: ChaosDirection;
  /** Number of bytes until the reset. */
  #bytesToReset: number;
  readonly #flowControl: FlowControl;
  #isClosing = false;

  constructor(options: ChaosOptions, context: LayerContext) {
    const { seed = 1, reset = 0, cut, delay, coalesce, partialWrite } = options;
    const ownSeed = typeof seed === 'function' ? seed() : seed;
    this.#options = options;
    this.#context = context;
    this.#bytesToReset = reset >= 1 ? reset : Infinity;
    const { scheduler } = context.dial;
    const direction = (up: boolean): ChaosDirection => {
      const faults = { cut, delay, coalesce, partialWrite: up ? undefined : partialWrite };
      const events = {
        emit: (signal: Up) => this.#emit(signal, up),
        maxChunk: () => this.#bytesToReset,
        onChange: () => this.#updateFlowControl(),
      };
      // Even and odd: adjacent seeds do not share random numbers.
      return new ChaosDirection(faults, ownSeed * 2 + (up ? 1 : 0), scheduler, events);
    };
    this.#outbound = direction(false);
    this.#inbound = direction(true);
    this.#flowControl = new FlowControl(context, this.#outbound, this.#inbound);
  }

  down(signal: Flow): void {
    if (signal.kind === 'data' || signal.kind === 'end') this.#outbound.push(signal);
    else {
      this.#flowControl.appPaused = this.#inbound.isPaused = signal.kind === 'pause';
      this.#updateFlowControl();
      this.#inbound.run();
    }
  }

  up(signal: Up): void {
    if (signal.kind === 'sent') this.#context.up.next(signal);
    else if (signal.kind === 'pause' || signal.kind === 'resume') {
      const paused = signal.kind === 'pause';
      this.#flowControl.wirePaused = paused;
      this.#outbound.isPaused = paused && !this.#isClosing;
      this.#updateFlowControl();
      this.#outbound.run();
    } else if (!this.#isClosing || signal.kind !== 'data') this.#inbound.push(signal);
  }

  /** Writes the buffered bytes at their time. Ignores a pause of the wire, which must accept the remaining bytes. */
  closing(): true {
    this.#isClosing = true;
    this.#outbound.isPaused = false;
    this.#outbound.run();
    this.#completeIfEmpty();
    return true;
  }

  drain(end: () => void): void {
    this.#inbound.flush();
    end();
  }

  free(): void {
    this.#outbound.clear();
    this.#inbound.clear();
  }

  #emit(signal: Up, up: boolean): void {
    const { drop = 0, reset = 0 } = this.#options;
    if (signal.kind !== 'data') {
      this.#pass(signal, up);
      return;
    }
    const { random } = up ? this.#inbound : this.#outbound;
    this.#bytesToReset -= signal.bytes.length;
    const isLost = drop > 0 && random() < drop;
    const isLast = this.#bytesToReset <= 0 || (reset > 0 && reset < 1 && random() < reset);
    if (!isLost) this.#pass(signal, up);
    else if (!up) this.#context.up.next({ kind: 'sent', bytes: signal.bytes.length });
    if (isLast) this.#reset();
  }

  #pass(signal: Up, up: boolean): void {
    if (up) this.#context.up.next(signal);
    else this.#context.down.next(signal as Flow);
  }

  #reset(): void {
    const { up, down, dial } = this.#context;
    this.free();
    const error = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, layer: dial.layer, message: 'read ECONNRESET: chaos' });
    down.error(error);
    up.error(error);
  }

  #updateFlowControl(): void {
    this.#flowControl.update();
    this.#completeIfEmpty();
  }

  #completeIfEmpty(): void {
    if (this.#isClosing && this.#outbound.isEmpty) this.#context.down.complete();
  }
}
