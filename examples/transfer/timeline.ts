import { eventNames, type IOStream } from 'rxjs-io-stream';
import { formatCount } from '../support/format.ts';
import type { Phase } from './waterfall.ts';

interface Row {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly event: string;
  readonly meaning: string;
}

interface Moment {
  readonly at: number;
  readonly bytes: number;
}

/** The first and the last occurrence of a repeated event. */
interface Repeated {
  times: number;
  readonly first: Moment;
  last: Moment;
}

type Words = (bytes: string) => string;

/** Descriptions of the events with bytes: of the first occurrence, and of the last. For SENT only the last is shown. */
const MEANINGS: Readonly<Record<string, { readonly first?: Words; readonly last: Words }>> = {
  OUT: { first: (bytes) => `${bytes} were written to the stack`, last: (bytes) => `in total ${bytes} were written to the stack` },
  IN: { first: (bytes) => `${bytes} were received`, last: (bytes) => `in total ${bytes} were received` },
  SENT: { last: (bytes) => `${bytes} were sent to the kernel; none is pending` },
};

/** Records the events of a stream with their times, starting at `follow`. Summarizes repeated events. */
export class Timeline {
  #start = performance.now();
  readonly #rows: Row[] = [];
  readonly #repeated = new Map<string, Repeated>();

  note(event: string, meaning: string): void {
    this.#rows.push({ at: this.elapsed, event, meaning });
  }

  /** Records a stream until it closes. Call it in the tick in which the stream is created, so that no event is missed. */
  follow(io: IOStream): void {
    this.#start = performance.now();
    this.note('start', 'new IOStream');
    io.events$.subscribe(({ mask }) => {
      for (const name of eventNames(mask)) this.#event(name, io);
    });
    io.errors$.subscribe((error) => this.note('error', `${error.code} in phase ${error.phase}`));
    io.closed$.subscribe(({ by, bytesOut, bytesIn, unsent }) => {
      const words = { us: 'by us', peer: 'by the peer', error: 'by an error', upgraded: 'by an upgrade' }[by];
      this.note('closed', `${words}: ${formatCount(bytesOut)} out, ${formatCount(bytesIn)} in, ${formatCount(unsent)} unsent`);
    });
  }

  get elapsed(): number {
    return performance.now() - this.#start;
  }

  /** The phases until CONNECTED: each ends with its event. */
  get handshakes(): Phase[] {
    const names = this.#rows.map(({ event }) => event);
    return this.#phases(this.#rows.slice(1, names.indexOf('CONNECTED')));
  }

  /** The phases of the whole stream. */
  get phases(): Phase[] {
    const names: Readonly<Record<string, string>> = { CONNECTED: 'connect', EOF: 'transfer', closed: 'close' };
    return this.#phases(this.#rows.flatMap(({ at, event }) => (names[event] === undefined ? [] : [{ at, event: names[event] }])));
  }

  #phases(ends: readonly Pick<Row, 'at' | 'event'>[]): Phase[] {
    return ends.map(({ at, event }, index) => ({ name: event, from: ends[index - 1]?.at ?? 0, to: at }));
  }

  /** Returns one line for each row, ordered by time. */
  toString(): string {
    return [...this.#rows, ...this.#summaries()]
      .sort((a, b) => a.at - b.at)
      .map(({ at, event, meaning }) => `${at.toFixed(1).padStart(10)} ms  ${event.padEnd(12)}  ${meaning}`)
      .join('\n');
  }

  #event(name: string, io: IOStream): void {
    if (name === 'RESOLVED') this.note(name, `${io.host ?? ''} is ${io.ip ?? ''}`);
    else if (name === 'CONNECTED')
      this.note(name, `to ${io.host ?? ''} port ${io.port ?? 0}; plugins ready: ${Object.keys(io.plugin).join(', ')}`);
    else if (name === 'EOF') this.note(name, `the server has ended, after ${formatCount(io.inBytes, 'byte')}`);
    else this.#repeat(name, name === 'IN' ? io.inBytes : io.outBytes);
  }

  #repeat(name: string, bytes: number): void {
    const now = { at: this.elapsed, bytes };
    const repeated = this.#repeated.get(name);
    if (repeated) {
      repeated.times += 1;
      repeated.last = now;
    } else this.#repeated.set(name, { times: 1, first: now, last: now });
  }

  #summaries(): Row[] {
    return [...this.#repeated].flatMap(([name, { times, first, last }]) => {
      const words = MEANINGS[name];
      if (!words) return [];
      const row = (event: string, { at, bytes }: Moment, describe: Words): Row => ({
        at,
        event,
        meaning: describe(formatCount(bytes, 'byte')),
      });
      const total = row(times > 1 ? `${name} ×${formatCount(times)}` : name, last, words.last);
      return words.first ? [row(`first ${name}`, first, words.first), ...(times > 1 ? [total] : [])] : [total];
    });
  }
}
