import { Subject, tap } from 'rxjs';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Dial, type Flow, type Timeouts, type Up, type Wire } from '../../src/wire/signal.ts';
import type { Harness } from './harness.ts';
import type { ObserverSpy } from './observer-spy.ts';

const TIMEOUT = 5000;
const TIMEOUTS = {
  resolve: TIMEOUT,
  connect: TIMEOUT,
  handshake: TIMEOUT,
  establish: TIMEOUT,
  write: TIMEOUT,
  idle: Infinity,
  close: 3000,
};

/** Creates a dial in real time without a target. */
export function dialOf(timeouts: Partial<Timeouts> = {}): Dial {
  return testDial({ timeouts: { ...TIMEOUTS, ...timeouts }, deadline: Infinity });
}

/** Drives a wire as an application: sends outbound signals by method calls, records and counts inbound signals. */
export class WireDriver {
  readonly up: ObserverSpy<Up>;
  /** Sums of bytes. */
  written = 0;
  received = 0;
  sent = 0;
  /** Whether the wire has paused the application. */
  isPaused = false;
  readonly #flow$ = new Subject<Flow>();

  constructor(h: Harness, wire: Wire, dial: Dial = dialOf()) {
    const up$ = this.#flow$.pipe(
      wire(dial),
      tap((signal) => this.#count(signal)),
    );
    this.up = h.observed(up$, 'the wire');
  }

  write(bytes: string | Uint8Array): void {
    this.written += Buffer.byteLength(bytes);
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

  /** Completes Flow. */
  close(): void {
    this.#flow$.complete();
  }

  /** Errors Flow. */
  reset(reason: unknown): void {
    this.#flow$.error(reason);
  }

  /** Resolves when a signal of this kind has been emitted. */
  async waitFor(kind: Up['kind']): Promise<void> {
    await this.up.value((signal) => signal.kind === kind);
  }

  /** The kinds of the inbound signals without consecutive repetitions, and how Up ended: `connected data end complete`. */
  get summary(): string {
    const kinds = this.up.values.map(({ kind }) => kind);
    return [...kinds.filter((kind, at) => kind !== kinds[at - 1]), ...(this.up.state === 'open' ? [] : [this.up.state])].join(' ');
  }

  /** All bytes received so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.up.values.flatMap((signal) => (signal.kind === 'data' ? [signal.bytes] : [])));
  }

  get text(): string {
    return this.bytes.toString();
  }

  #count(signal: Up): void {
    if (signal.kind === 'data') this.received += signal.bytes.length;
    else if (signal.kind === 'sent') this.sent += signal.bytes;
    else if (signal.kind === 'pause' || signal.kind === 'resume') this.isPaused = signal.kind === 'pause';
  }
}
