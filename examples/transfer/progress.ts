import { auditTime, merge, Subject, type Observable } from 'rxjs';
import type { IOStream, Plugin } from 'rxjs-io-stream';
import { FRAMES$ } from '../support/drawn.ts';
import { formatBytes } from '../support/format.ts';
import { Meter, type Layer, type Note } from './meter.ts';
import { Peak } from './peak.ts';
import type { Frame, Row } from './render.ts';

interface Sample {
  readonly at: number;
  readonly rows: readonly Row[];
}

/** Collects the facts of a transfer: of each layer, and of the stream on top. Counts at each signal, and computes only at each frame. */
export class Progress {
  /** The plugins of the stack, with a meter each. */
  readonly plugin: Readonly<Record<string, Plugin>>;
  /** Emits when to draw: at each frame, and soon after a layer is connected. Not at once, which would delay the next handshake. */
  readonly redraw$: Observable<unknown>;
  readonly #size: number;
  readonly #meters: readonly Meter[];
  readonly #unsent = new Peak();
  #io: IOStream | undefined;
  #samples: readonly Sample[] = [];

  constructor(layers: Readonly<Record<string, Layer>>, size: number, note: Note) {
    const connected$ = new Subject<string>();
    const metered = Object.entries(layers).map(([name, layer]) => {
      const onConnected: Note = (label, sentence) => {
        note(label, sentence);
        connected$.next(label);
      };
      return [name, new Meter(layer, onConnected)] as const;
    });
    this.plugin = Object.fromEntries(metered.map(([name, { plugin }]) => [name, plugin]));
    this.redraw$ = merge(FRAMES$, connected$.pipe(auditTime(16)));
    this.#size = size;
    this.#meters = metered.map(([, meter]) => meter);
  }

  follow(io: IOStream): void {
    this.#io = io;
    io.events$.subscribe(() => this.#unsent.add(io.output.pending));
  }

  /** Returns the rates of the last half second, or with `isLast` the totals. */
  frame(isLast: boolean): Frame {
    const now = { at: performance.now(), rows: this.#rows(isLast) };
    if (isLast) return { rows: now.rows, share: undefined };
    this.#samples = [...this.#samples.slice(-4), now];
    const [first = now] = this.#samples;
    const seconds = (now.at - first.at) / 1000;
    const rate = (from = 0, to: number): number => (seconds > 0 ? (to - from) / seconds : 0);
    const rows = now.rows.map((row, index) => {
      const before = first.rows[index];
      return { ...row, out: rate(before?.out, row.out), in: rate(before?.in, row.in) };
    });
    return { rows, share: this.#size > 0 ? (this.#io?.inBytes ?? 0) / this.#size : 0 };
  }

  #rows(isLast: boolean): Row[] {
    const { outBytes = 0, inBytes = 0 } = this.#io ?? {};
    const file = {
      label: 'file',
      isConnected: this.#meters.every(({ isConnected }) => isConnected),
      fact: formatBytes(this.#size),
      out: outBytes,
      in: inBytes,
      unsent: this.#unsent,
    };
    const row = ({ label, isConnected, fact, out, in: received, unsent }: typeof file | Meter): Row => ({
      label,
      isConnected,
      fact,
      out,
      in: received,
      unsent: isLast ? unsent.highest() : unsent.recent(),
    });
    return [file, ...this.#meters].map(row);
  }
}
