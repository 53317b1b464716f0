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
  /** Returns the transformer of outbound bytes, for one connection. @default passes them unchanged */
  readonly down?: (() => Transformer) | undefined;
  /** Returns the transformer of inbound bytes, for one connection. @default passes them unchanged */
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
  readonly #outboundTransformer: Transformer | undefined;
  readonly #inboundTransformer: Transformer | undefined;
  readonly #ledger = new Ledger();
  readonly #outbound: TransformDirection<Flow>;
  readonly #inbound: TransformDirection<Up>;
  /** Completes Up after the wire has completed. */
  #endUp: (() => void) | undefined;
  /** The application has resumed. The wire is resumed when the inbound queue is empty. */
  #isResuming = false;
  #isConnected = false;
  #hasFinished = false;
  #isClosing = false;
  #hasDropped = false;

  constructor({ down, up }: TransformOptions, ports: LayerContext) {
    this.#ports = ports;
    this.#outboundTransformer = down?.();
    this.#inboundTransformer = up?.();
    this.#outbound = new TransformDirection((signal) => ports.down.next(signal));
    this.#inbound = new TransformDirection((signal) => ports.up.next(signal));
  }

  down(signal: Flow): void {
    if (signal.kind === 'pause') this.#pause(signal);
    else if (signal.kind === 'resume') {
      this.#isResuming = true;
      this.#inbound.isPaused = false;
      this.#runInbound();
    } else if (this.#outboundTransformer) {
      this.#outbound.push(this.#transformOutbound(this.#outboundTransformer, signal));
      this.#runOutbound();
    } else this.#ports.down.next(signal);
  }

  up(signal: Up): void {
    const { up } = this.#ports;
    if (signal.kind === 'connected') this.#isConnected = true;
    if (signal.kind === 'sent' && this.#outboundTransformer) this.#emitSent(signal.bytes);
    else if (!this.#inboundTransformer || (signal.kind !== 'data' && signal.kind !== 'end')) up.next(signal);
    else if (!this.#hasDropped) {
      this.#inbound.push(this.#transformInbound(this.#inboundTransformer, signal));
      this.#runInbound();
    } else if (signal.kind === 'end') up.next(signal);
  }

  /** Drops the queued inbound signals and those that would follow them: the application has closed. */
  closing(): true {
    this.#isClosing = true;
    this.#hasDropped = !this.#inbound.isEmpty;
    this.#inbound.clear();
    this.#inbound.isPaused = false;
    if (this.#isConnected && this.#outboundTransformer) this.#outbound.push(this.#transformOutbound(this.#outboundTransformer));
    this.#runOutbound();
    return true;
  }

  drain(end: () => void): void {
    this.#endUp = end;
    this.#runInbound();
  }

  free(): void {
    this.#outbound.clear();
    this.#inbound.clear();
  }

  #pause(signal: Flow): void {
    this.#inbound.isPaused = true;
    // Otherwise the wire is still paused.
    if (!this.#isResuming) this.#ports.down.next(signal);
    this.#isResuming = false;
  }

  *#transformOutbound(downward: Transformer, signal?: DataSignal | EndSignal): Generator<Flow, void> {
    let chunks: Iterable<Uint8Array> = [];
    if (signal?.kind === 'data') {
      this.#ledger.consumed += signal.bytes.length;
      chunks = downward.push(signal.bytes);
    } else if (!this.#hasFinished) {
      this.#hasFinished = true;
      chunks = downward.finish?.() ?? [];
    }
    for (const bytes of chunks) {
      this.#ledger.produced += bytes.length;
      yield { kind: 'data', bytes };
    }
    // Evaluated only now, because a generator may produce its chunks lazily.
    this.#ledger.settle(this.#hasFinished ? 0 : downward.held?.());
    if (signal?.kind === 'end') yield signal;
  }

  *#transformInbound(upward: Transformer, signal: DataSignal | EndSignal): Generator<Up, void> {
    const made = signal.kind === 'data' ? upward.push(signal.bytes) : (upward.finish?.() ?? []);
    for (const bytes of made) yield { kind: 'data', bytes };
    if (signal.kind === 'end') yield signal;
  }

  #runOutbound(): void {
    const all = this.#outbound.run();
    this.#emitSent(0);
    if (all && this.#isClosing) this.#ports.down.complete();
  }

  #runInbound(): void {
    if (!this.#inbound.run()) return;
    const { down } = this.#ports;
    if (this.#isResuming) {
      this.#isResuming = false;
      down.next(RESUME);
    }
    this.#endUp?.();
  }

  #emitSent(left: number): void {
    const bytes = this.#ledger.sent(left);
    if (bytes > 0) this.#ports.up.next({ kind: 'sent', bytes });
  }
}
