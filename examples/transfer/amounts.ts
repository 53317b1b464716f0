import { tap } from 'rxjs';
import type { Flow, Plugin, Up } from 'rxjs-io-stream';
import type { RecordedEntry, Recording } from 'rxjs-io-stream/testing';

type Line = RecordedEntry['line'];

/**
 * Records what passes above and below a stack, for its picture: times and amounts, and not the bytes. So a file of any size fits.
 *
 * ```text
 *   file ── app ──▶ ┌────────┐ ── to wire ──▶ tcp
 *                   │ layers │
 *   file ◀─ to app ─└────────┘ ◀── wire ───── tcp
 * ```
 */
export class Amounts {
  readonly #entries: RecordedEntry[] = [];
  readonly #now: () => number;
  /** Zeros that stand for all bytes. */
  #blank = new Uint8Array();

  /** @param now returns the milliseconds since the start. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get recording(): Recording {
    return { entries: this.#entries, cut: false };
  }

  /** Adds both places to a stack. */
  around(plugins: Readonly<Record<string, Plugin>>): Record<string, Plugin> {
    const names = Object.keys(plugins);
    const places: Readonly<Record<string, readonly [down: Line, up: Line]>> = {
      [names[0] ?? '']: ['app', 'to app'],
      [names.at(-1) ?? '']: ['to wire', 'wire'],
    };
    return Object.fromEntries(
      Object.entries(plugins).map(([name, plugin]) => {
        const place = places[name];
        return [name, place ? this.#watch(plugin, ...place) : plugin];
      }),
    );
  }

  #watch(plugin: Plugin, down: Line, up: Line): Plugin {
    const observer = (line: Line) => ({
      next: (signal: Up) => this.#add(line, signal),
      complete: () => this.#add(line, { kind: 'complete' }),
    });
    return (wire) => (dial) => {
      const inner = plugin(wire)(dial);
      return (flow$) => flow$.pipe(tap<Flow>(observer(down)), inner, tap<Up>(observer(up)));
    };
  }

  #add(line: Line, signal: RecordedEntry['signal']): void {
    this.#entries.push({
      at: this.#now(),
      line,
      signal: signal.kind === 'data' ? { kind: 'data', bytes: this.#zeros(signal.bytes.length) } : signal,
    });
  }

  #zeros(length: number): Uint8Array {
    if (length > this.#blank.length) this.#blank = new Uint8Array(length);
    return this.#blank.subarray(0, length);
  }
}
