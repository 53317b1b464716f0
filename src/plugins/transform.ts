import { layer, type Layer, type Ports } from '../wire/layer.ts';
import type { DataSignal, EndSignal, Flow, Plugin, Up } from '../wire/signal.ts';

/** Changes one direction's bytes into others, of any length. */
export interface Transformer {
  /** Takes a chunk and gives what can be given of it now. Must not change the chunk. */
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
 * errors the stream; from `up.finish` it means that the stream was cut off. Lossless; holds only what the transformers hold.
 *
 * ```ts
 * import { transform, type Transformer } from 'rxjs-io-stream';
 *
 * const twice = (): Transformer => ({ push: (bytes) => [bytes, bytes] });
 * export const stutter = transform({ down: twice });
 * ```
 */
export function transform(options: TransformOptions): Plugin {
  return (wire) => (dial) => layer(wire, dial, (ports) => new TransformLayer(options, ports));
}

const PASS: Transformer = { push: (bytes) => [bytes] };

class TransformLayer implements Layer {
  readonly #ports: Ports;
  readonly #downward: Transformer;
  readonly #upward: Transformer;
  readonly #ledger = new Ledger();
  #connected = false;
  #ended = false;
  /** What was made and has not gone on: more may come from inside `next`, and belongs behind it. */
  readonly #goingDown: Uint8Array[] = [];
  readonly #goingUp: Generator<Up, void>[] = [];

  constructor({ down = () => PASS, up = () => PASS }: TransformOptions, ports: Ports) {
    this.#ports = ports;
    this.#downward = down();
    this.#upward = up();
  }

  down(signal: Flow): void {
    if (signal.kind === 'data') {
      this.#ledger.given += signal.bytes.length;
      this.#give(this.#downward.push(signal.bytes));
    } else {
      if (signal.kind === 'end') this.#finish();
      this.#ports.down.next(signal);
    }
  }

  up(signal: Up): void {
    const { up } = this.#ports;
    if (signal.kind === 'data' || signal.kind === 'end') {
      this.#goingUp.push(this.#changed(signal));
      for (let next = this.#next(); next && !up.closed; next = this.#next()) up.next(next);
    } else if (signal.kind === 'sent') {
      this.#tell(this.#ledger.sent(signal.bytes));
    } else {
      if (signal.kind === 'connected') this.#connected = true;
      up.next(signal);
    }
  }

  closing(): void {
    if (this.#connected) this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#give(this.#downward.finish?.() ?? []);
  }

  *#changed(signal: DataSignal | EndSignal): Generator<Up, void> {
    const made = signal.kind === 'data' ? this.#upward.push(signal.bytes) : (this.#upward.finish?.() ?? []);
    for (const bytes of made) yield { kind: 'data', bytes };
    if (signal.kind === 'end') yield signal;
  }

  /** Made one by one, so that a chunk that becomes very many need not become them all at once. */
  #next(): Up | undefined {
    for (let head = this.#goingUp[0]; head; head = this.#goingUp[0]) {
      const step = head.next();
      if (!step.done) return step.value;
      this.#goingUp.shift();
    }
    return undefined;
  }

  #give(chunks: Iterable<Uint8Array>): void {
    for (const bytes of chunks) {
      this.#ledger.made += bytes.length;
      this.#goingDown.push(bytes);
    }
    // Asked only now: the chunks may have been made one by one.
    this.#ledger.settle(this.#ended ? 0 : (this.#downward.held?.() ?? 0));
    for (let bytes = this.#goingDown.shift(); bytes; bytes = this.#goingDown.shift()) this.#ports.down.next({ kind: 'data', bytes });
    this.#tell(this.#ledger.sent(0));
  }

  #tell(bytes: number): void {
    if (bytes > 0) this.#ports.up.next({ kind: 'sent', bytes });
  }
}

/** Says which of the bytes we were given are inside which of those we made. All numbers are totals since the start. */
class Ledger {
  given = 0;
  made = 0;
  #left = 0;
  #told = 0;
  readonly #entries: { given: number; made: number }[] = [];

  /** All bytes given so far, but for the last `held`, are inside what was made so far. */
  settle(held: number): void {
    const last = this.#entries.at(-1);
    const given = this.given - held;
    if (last?.made === this.made) last.given = given;
    else this.#entries.push({ given, made: this.made });
  }

  /** So many more of the bytes we made have left: returns how many more of those we were given have. */
  sent(bytes: number): number {
    this.#left += bytes;
    let done = this.#told;
    let count = 0;
    for (const entry of this.#entries) {
      if (entry.made > this.#left) break;
      done = entry.given;
      count += 1;
    }
    this.#entries.splice(0, count);
    const news = done - this.#told;
    this.#told = done;
    return news;
  }
}
