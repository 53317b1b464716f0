import { tap } from 'rxjs';
import type { Flow, Plugin, Up } from '../../src/wire/signal.ts';
import { bytesOfSignals } from './bytes-of-signals.ts';

/** Records the signals of both directions between TLS and the wire below. */
export class TlsTap {
  readonly down: Flow[] = [];
  readonly up: Up[] = [];
  flow: 'open' | 'complete' | 'error' = 'open';
  /** The maximum ciphertext that was written and not yet sent. */
  maxInFlight = 0;
  #inFlight = 0;

  readonly plugin: Plugin = (wire) => (dial) => (flow$) =>
    flow$.pipe(
      tap({
        next: (signal) => this.#down(signal),
        complete: () => (this.flow = 'complete'),
        error: () => (this.flow = 'error'),
      }),
      wire(dial),
      tap((signal) => this.#up(signal)),
    );

  #down(signal: Flow): void {
    this.down.push(signal);
    if (signal.kind !== 'data') return;
    this.#inFlight += signal.bytes.length;
    this.maxInFlight = Math.max(this.maxInFlight, this.#inFlight);
  }

  #up(signal: Up): void {
    this.up.push(signal);
    if (signal.kind === 'sent') this.#inFlight -= signal.bytes;
  }

  /** All outbound ciphertext. */
  get written(): Buffer {
    return bytesOfSignals(this.down);
  }
}
