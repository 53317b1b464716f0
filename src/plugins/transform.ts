import { layer, type Layer, type Ports } from '../wire/layer.ts';
import { ownOptions } from '../wire/own-options.ts';
import { RESUME, type DataSignal, type EndSignal, type Flow, type Plugin, type Up } from '../wire/signal.ts';
import { Ledger } from './ledger.ts';
import { TransformLane } from './transform-lane.ts';

/** Changes one direction's bytes into others, of any length. */
export interface Transformer {
  /**
   * Takes a chunk and gives what can be given of it now. Must not change the chunk. If one chunk can become very many bytes, give
   * them one by one (a generator): going up, the next is asked for when the application wants more.
   */
  push(bytes: Uint8Array): Iterable<Uint8Array>;
  /** The direction ends: gives what is left. Going up, a throw says that it was cut off. */
  finish?(): Iterable<Uint8Array>;
  /** How many of the bytes pushed are still inside, not yet in anything given. Default: none. */
  held?(): number;
}

/** What makes the two directions; each is called at every subscription. A direction that is absent passes its bytes on. */
export interface TransformOptions {
  readonly down?: (() => Transformer) | undefined;
  readonly up?: (() => Transformer) | undefined;
}

/**
 * Makes a plugin of two transformers that may change the length of what passes: framing, compression, escaping.
 *
 * ```text
 *   application ── data(n bytes) ──▶ down.push ── data(m bytes) ──▶ wire
 *   application ◀── sent(n) ────────  ledger  ◀──── sent(m) ─────── wire
 *   application ◀── data ─────────── up.push ◀───── data ────────── wire
 * ```
 *
 * `sent` is told in the application's bytes: n of them have left when the m bytes that hold them have, and bytes that are
 * swallowed have left with those before them. `end` and close hand down what `finish` gives first. A throw of a transformer
 * errors the stream; from `up.finish` it means that the stream was cut off.
 *
 * While the application has paused, nothing more is asked of `up.push`: what came up waits as it came, and behind it the end,
 * completion or error of the wire. The wire is resumed when all of it has gone up. On close, reset and unsubscribe what waits is
 * dropped, and generators that were left half way are returned.
 *
 * Lossless. Holds what the transformers hold, and while the application has paused one piece and what was in flight below.
 *
 * ```ts
 * import { transform, type Transformer } from 'rxjs-io-stream';
 *
 * const twice = (): Transformer => ({ push: (bytes) => [bytes, bytes] });
 * export const stutter = transform({ down: twice });
 * ```
 */
export function transform(options: TransformOptions): Plugin {
  const given = ownOptions(options, 'transform', ['down', 'up']);
  return (wire) => (dial) => layer(wire, dial, (ports) => new TransformLayer(given, ports));
}

class TransformLayer implements Layer {
  readonly #ports: Ports;
  readonly #downward: Transformer | undefined;
  readonly #upward: Transformer | undefined;
  readonly #ledger = new Ledger();
  readonly #goingDown: TransformLane<Flow>;
  readonly #goingUp: TransformLane<Up>;
  /** Ends Up, when the wire is over. */
  #end: (() => void) | undefined;
  /** The application has resumed; the wire is to know when nothing waits any more. */
  #resuming = false;
  #connected = false;
  #ended = false;
  #closing = false;
  #dropped = false;

  constructor({ down, up }: TransformOptions, ports: Ports) {
    this.#ports = ports;
    this.#downward = down?.();
    this.#upward = up?.();
    this.#goingDown = new TransformLane((signal) => ports.down.next(signal));
    this.#goingUp = new TransformLane((signal) => ports.up.next(signal));
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

  /** What waits for the application has nobody to go to, nor has what would come behind it. */
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
    // Else the wire still waits to be resumed.
    if (!this.#resuming) this.#ports.down.next(signal);
    this.#resuming = false;
  }

  *#lowered(downward: Transformer, signal?: DataSignal | EndSignal): Generator<Flow, void> {
    let chunks: Iterable<Uint8Array> = [];
    if (signal?.kind === 'data') {
      this.#ledger.given += signal.bytes.length;
      chunks = downward.push(signal.bytes);
    } else if (!this.#ended) {
      this.#ended = true;
      chunks = downward.finish?.() ?? [];
    }
    for (const bytes of chunks) {
      this.#ledger.made += bytes.length;
      yield { kind: 'data', bytes };
    }
    // Asked only now: the chunks may have been made one by one.
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
