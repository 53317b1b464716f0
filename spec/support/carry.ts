import { asyncScheduler, Subject, type Observable } from 'rxjs';
import { END, PAUSE, RESUME, type Dial, type Flow, type Timeouts, type Up, type Wire } from '../../src/wire/signal.ts';
import type { Harness } from './harness.ts';
import type { ObserverSpy } from './observed.ts';

const TIMEOUTS: Timeouts = {
  resolve: 5000,
  connect: 5000,
  handshake: 5000,
  establish: 5000,
  write: 5000,
  idle: Infinity,
  close: 3000,
};

/** A dial on real time, with no target. */
export function dialOf(timeouts: Partial<Timeouts> = {}): Dial {
  return { timeouts: { ...TIMEOUTS, ...timeouts }, deadline: Infinity, scheduler: asyncScheduler };
}

/** A wire in use: what goes down is said with methods, what comes up is recorded. */
export class WireDriver {
  readonly up: ObserverSpy<Up>;
  readonly #flow$ = new Subject<Flow>();

  constructor(h: Harness, wire: Wire, dial: Dial = dialOf()) {
    const up$: Observable<Up> = this.#flow$.pipe(wire(dial));
    this.up = h.observed(up$, 'the wire');
  }

  write(bytes: string | Uint8Array): void {
    this.#flow$.next({ kind: 'data', bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes });
  }

  end(): void {
    this.#flow$.next(END);
  }

  pause(): void {
    this.#flow$.next(PAUSE);
  }

  resume(): void {
    this.#flow$.next(RESUME);
  }

  close(): void {
    this.#flow$.complete();
  }

  reset(reason: unknown): void {
    this.#flow$.error(reason);
  }

  /** Resolves when a signal of this kind has come up. */
  async saw(kind: Up['kind']): Promise<void> {
    await this.up.value((signal) => signal.kind === kind);
  }

  /** The kinds of the signals up, repetitions left out, and how it ended: `connected data end complete`. */
  get story(): string {
    const kinds = this.up.values.map(({ kind }) => kind);
    return [...kinds.filter((kind, at) => kind !== kinds[at - 1]), ...(this.up.state === 'open' ? [] : [this.up.state])].join(' ');
  }

  get bytes(): Buffer {
    return Buffer.concat(this.up.values.flatMap((signal) => (signal.kind === 'data' ? [signal.bytes] : [])));
  }

  get text(): string {
    return this.bytes.toString();
  }

  get sent(): number {
    return this.up.values.reduce((sum, signal) => sum + (signal.kind === 'sent' ? signal.bytes : 0), 0);
  }
}
