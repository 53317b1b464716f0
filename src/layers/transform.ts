import { layer, type Layer, type LayerContext } from '../wire/layer.ts';
import { ownOptions } from '../util/own-options.ts';
import { RESUME, type DataSignal, type EndSignal, type Flow, type Plugin, type Up } from '../wire/signal.ts';
import { Ledger } from './ledger.ts';
import { TransformDirection } from './transform-direction.ts';

/** Converts the bytes of one direction into others, of any length. */
export interface Transformer {
  /**
   * Converts a chunk and returns the output available so far. Must not modify the chunk. If one chunk can expand to very many bytes,
   * yield the pieces from a generator: inbound, the next piece is requested only when the application is ready for more.
   */
  push(bytes: Uint8Array): Iterable<Uint8Array>;
  /** Called at the end of the direction. Returns the remaining output. Inbound, a throw reports that the input was truncated. */
  finish?(): Iterable<Uint8Array>;
  /** Returns how many of the pushed bytes are not yet in any output. Default: none. */
  held?(): number;
}

/** The factories of the two transformers, called at each subscription. A direction without one passes its bytes unchanged. */
export interface TransformOptions {
  readonly down?: (() => Transformer) | undefined;
  readonly up?: (() => Transformer) | undefined;
}

/**
 * Creates a plugin from two transformers that may change the length of the data: framing, compression, escaping.
 *
 * ```text
 *   application ── data(n bytes) ──▶ down.push ── data(m bytes) ──▶ wire
 *   application ◀── sent(n) ────────  ledger  ◀──── sent(m) ─────── wire
 *   application ◀── data ─────────── up.push ◀───── data ────────── wire
 * ```
 *
 * `sent` counts bytes of the application: n bytes are sent when the m bytes that contain them are sent. Bytes without output of their
 * own are sent with the bytes before them.
 *
 * **Errors**
 * - A throw of a transformer errors the stream. From `up.finish` it means that the stream was truncated.
 *
 * **Closing**
 * - `end` and close first write the output of `finish`.
 * - Close, reset and unsubscribe drop the queued inbound signals. Unfinished generators are returned.
 *
 * **Backpressure**
 * - While the application pauses, `up.push` is not called and its generator is not advanced. Inbound chunks are queued unchanged,
 *   followed by the end, completion or error of the wire. The wire is resumed when the queue is empty. Lossless.
 *
 * **Memory**
 * - What the transformers hold. While the application pauses, also one piece of output and what was in flight below.
 *
 * ```ts
 * import { transform, type Transformer } from 'rxjs-io-stream';
 *
 * const twice = (): Transformer => ({ push: (bytes) => [bytes, bytes] });
 * export const stutter = transform({ down: twice });
 * ```
 *
 * @param options the factories of the transformers; a direction may be absent.
 * @see {@link mapBytes} for changes that keep the length.
 */
export function transform(options: TransformOptions): Plugin {
  const given = ownOptions(options, 'transform', ['down', 'up']);
  return (wire) => (dial) => layer(wire, dial, (ports) => new TransformLayer(given, ports));
}

class TransformLayer implements Layer {
  readonly #ports: LayerContext;
  readonly #downward: Transformer | undefined;
  readonly #upward: Transformer | undefined;
  readonly #ledger = new Ledger();
  readonly #goingDown: TransformDirection<Flow>;
  readonly #goingUp: TransformDirection<Up>;
  /** Completes Up after the wire has completed. */
  #end: (() => void) | undefined;
  /** The application has resumed. The wire is resumed when the inbound queue is empty. */
  #resuming = false;
  #connected = false;
  #ended = false;
  #closing = false;
  #dropped = false;

  constructor({ down, up }: TransformOptions, ports: LayerContext) {
    this.#ports = ports;
    this.#downward = down?.();
    this.#upward = up?.();
    this.#goingDown = new TransformDirection((signal) => ports.down.next(signal));
    this.#goingUp = new TransformDirection((signal) => ports.up.next(signal));
  }

  down(signal: Flow): void {
    if (signal.kind === 'pause') this.#pause(signal);
    else if (signal.kind === 'resume') {
      this.#resuming = true;
      this.#goingUp.paused = false;
      this.#rise();
    } else if (this.#downward) {
      this.#goingDown.push(this.#lowered(this.#downward, signal));
      this.#sink();
    } else this.#ports.down.next(signal);
  }

  up(signal: Up): void {
    const { up } = this.#ports;
    if (signal.kind === 'connected') this.#connected = true;
    if (signal.kind === 'sent' && this.#downward) this.#tell(signal.bytes);
    else if (!this.#upward || (signal.kind !== 'data' && signal.kind !== 'end')) up.next(signal);
    else if (!this.#dropped) {
      this.#goingUp.push(this.#raised(this.#upward, signal));
      this.#rise();
    } else if (signal.kind === 'end') up.next(signal);
  }

  /** Drops the queued inbound signals and those that would follow them: the application has closed. */
  closing(): true {
    this.#closing = true;
    this.#dropped = !this.#goingUp.isEmpty;
    this.#goingUp.clear();
    this.#goingUp.paused = false;
    if (this.#connected && this.#downward) this.#goingDown.push(this.#lowered(this.#downward));
    this.#sink();
    return true;
  }

  drain(end: () => void): void {
    this.#end = end;
    this.#rise();
  }

  free(): void {
    this.#goingDown.clear();
    this.#goingUp.clear();
  }

  #pause(signal: Flow): void {
    this.#goingUp.paused = true;
    // Otherwise the wire is still paused.
    if (!this.#resuming) this.#ports.down.next(signal);
    this.#resuming = false;
  }

  *#lowered(downward: Transformer, signal?: DataSignal | EndSignal): Generator<Flow, void> {
    let chunks: Iterable<Uint8Array> = [];
    if (signal?.kind === 'data') {
      this.#ledger.consumed += signal.bytes.length;
      chunks = downward.push(signal.bytes);
    } else if (!this.#ended) {
      this.#ended = true;
      chunks = downward.finish?.() ?? [];
    }
    for (const bytes of chunks) {
      this.#ledger.produced += bytes.length;
      yield { kind: 'data', bytes };
    }
    // Evaluated only now, because a generator may produce its chunks lazily.
    this.#ledger.settle(this.#ended ? 0 : downward.held?.());
    if (signal?.kind === 'end') yield signal;
  }

  *#raised(upward: Transformer, signal: DataSignal | EndSignal): Generator<Up, void> {
    const made = signal.kind === 'data' ? upward.push(signal.bytes) : (upward.finish?.() ?? []);
    for (const bytes of made) yield { kind: 'data', bytes };
    if (signal.kind === 'end') yield signal;
  }

  #sink(): void {
    const all = this.#goingDown.run();
    this.#tell(0);
    if (all && this.#closing) this.#ports.down.complete();
  }

  #rise(): void {
    if (!this.#goingUp.run()) return;
    const { down } = this.#ports;
    if (this.#resuming) {
      this.#resuming = false;
      down.next(RESUME);
    }
    this.#end?.();
  }

  #tell(left: number): void {
    const bytes = this.#ledger.sent(left);
    if (bytes > 0) this.#ports.up.next({ kind: 'sent', bytes });
  }
}
