import { Observable, Subject, type Subscriber, type Subscription } from 'rxjs';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Dial, Flow, Plugin, Up, Wire } from '../../src/wire/signal.ts';

/** How a direction stands. */
export type State = 'open' | 'complete' | 'error' | 'unsubscribed';

/** A wire that a spec plays by hand: records what comes down, and gives up what it is told to. */
export class ScriptedWire {
  readonly down: Flow[] = [];
  readonly dials: Dial[] = [];
  /** Answers from inside `next`. */
  answer: (signal: Flow) => void = () => {};
  /** What the flow down came to; `error` holds the reason. */
  flow: State = 'open';
  error: unknown;
  /** Subscriptions so far, and whether the last one was freed. */
  subscriptions = 0;
  freed = false;
  #up: Subscriber<Up> | undefined;

  readonly wire: Wire = (dial) => (flow$) =>
    new Observable<Up>((up) => {
      this.dials.push(dial);
      this.subscriptions += 1;
      this.#up = up;
      this.flow = 'open';
      this.freed = false;
      const subscription = flow$.subscribe({
        next: (signal) => {
          this.down.push(signal);
          this.answer(signal);
        },
        error: (error: unknown) => {
          this.flow = 'error';
          this.error = error;
          up.error(error);
        },
        complete: () => {
          this.flow = 'complete';
        },
      });
      up.add(() => {
        this.freed = true;
        if (this.flow === 'open') this.flow = 'unsubscribed';
        subscription.unsubscribe();
      });
    });

  give(...signals: readonly Up[]): void {
    for (const signal of signals) this.#up?.next(signal);
  }

  connect(): void {
    this.give({ kind: 'connected', details: [{ wire: 'scripted' }] });
  }

  complete(): void {
    this.#up?.complete();
  }

  fail(error: unknown): void {
    this.#up?.error(error);
  }
}

/** The application's end of a plugin that lies on a {@link ScriptedWire}. */
export class PluginDriver {
  readonly wire = new ScriptedWire();
  readonly app = new Subject<Flow>();
  readonly up: Up[] = [];
  state: State = 'open';
  error: unknown;
  readonly #subscription: Subscription;

  /** @param seen is called with each signal as it comes up, after it was recorded. */
  constructor(plugin: Plugin, { dial = testDial(), seen }: { dial?: Dial; seen?: (signal: Up, ride: PluginDriver) => void } = {}) {
    this.#subscription = this.app.pipe(plugin(this.wire.wire)(dial)).subscribe({
      next: (signal) => {
        this.up.push(signal);
        seen?.(signal, this);
      },
      error: (error: unknown) => {
        this.state = 'error';
        this.error = error;
      },
      complete: () => {
        this.state = 'complete';
      },
    });
  }

  unsubscribe(): void {
    this.state = 'unsubscribed';
    this.#subscription.unsubscribe();
  }
}

const LATIN = {
  text: (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1'),
  bytes: (text: string): Uint8Array => Buffer.from(text, 'latin1'),
};

export const data = (text: string): { kind: 'data'; bytes: Uint8Array } => ({ kind: 'data', bytes: LATIN.bytes(text) });
export const sent = (bytes: number): Up => ({ kind: 'sent', bytes });

/** Signals in words, for assertions that can be read: `['connected', 'data abc', 'sent 3', 'end']`. */
export function inWords(signals: readonly (Flow | Up)[]): string[] {
  return signals.map((signal) => {
    if (signal.kind === 'data') return `data ${LATIN.text(signal.bytes)}`;
    if (signal.kind === 'sent') return `sent ${signal.bytes}`;
    return signal.kind === 'end' && signal.truncated ? 'end truncated' : signal.kind;
  });
}

/** All bytes of the `data` signals, as Latin-1 text. */
export function textOf(signals: readonly (Flow | Up)[]): string {
  return signals.map((signal) => (signal.kind === 'data' ? LATIN.text(signal.bytes) : '')).join('');
}

/** How many bytes all `sent` signals tell. */
export function sentOf(signals: readonly (Flow | Up)[]): number {
  return signals.reduce((sum, signal) => sum + (signal.kind === 'sent' ? signal.bytes : 0), 0);
}
