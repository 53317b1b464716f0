import { tap } from 'rxjs';
import type { Flow, LayerDetails, Plugin, Up } from 'rxjs-io-stream';
import { Peak } from './peak.ts';

/** A layer of the stack, and how to describe it. */
export interface Layer {
  /** Its name for people. */
  readonly label: string;
  readonly plugin: Plugin;
  /** Describes what it reports when it is connected: in short, and as a sentence. */
  readonly describe: (details: LayerDetails) => readonly [fact: string, sentence: string];
}

/** Called when a layer is connected. */
export type Note = (label: string, sentence: string) => void;

/**
 * Measures what passes between a layer and the one above it. A plugin is an operator, so `tap` sees each signal.
 *
 * ```text
 *   layer above ── data ──▶ meter ──▶ layer
 *   layer above ◀── connected, data, sent ── meter ◀── layer
 * ```
 */
export class Meter {
  readonly label: string;
  /** The layer with the meter on top. */
  readonly plugin: Plugin;
  isConnected = false;
  /** What the layer reported when it was connected. */
  fact = '';
  /** Bytes in each direction. */
  out = 0;
  in = 0;
  /** The bytes that the layer had and the kernel had not taken, at their most. */
  readonly unsent = new Peak();
  #sent = 0;

  constructor({ label, plugin, describe }: Layer, note: Note) {
    this.label = label;
    this.plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        tap((signal) => this.#onFlow(signal)),
        plugin(wire)(dial),
        tap((signal) => {
          if (signal.kind === 'connected') {
            const [fact, sentence] = describe(signal.details[0] ?? {});
            this.isConnected = true;
            this.fact = fact;
            note(label, sentence);
          } else this.#onUp(signal);
        }),
      );
  }

  #onFlow(signal: Flow): void {
    if (signal.kind !== 'data') return;
    this.out += signal.bytes.length;
    this.unsent.add(this.out - this.#sent);
  }

  #onUp(signal: Up): void {
    if (signal.kind === 'data') this.in += signal.bytes.length;
    else if (signal.kind === 'sent') this.#sent += signal.bytes;
  }
}
