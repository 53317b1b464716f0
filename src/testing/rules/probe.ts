import { Observable, tap } from 'rxjs';
import type { Flow, Up, Wire } from '../../wire/signal.ts';
import type { Fault } from './endpoint.ts';
import { MutationDetector } from '../bytes.ts';

type Course = 'none' | 'open' | 'complete' | 'error' | 'unsubscribed';

/** Observes a plugin from below: records its signals to and from the wire, and reports violations of rules 3 and 10. */
export class Probe {
  subscriptions = 0;
  /** State of the plugin's outbound flow, and of the Up that it subscribes. */
  flow: Course = 'none';
  up: Course = 'none';
  error: unknown;
  connected = false;
  /** Number of outbound signals of the plugin, and of the bytes in them. */
  downs = 0;
  given = 0;
  sent = 0;
  /** Number of bytes that the wire emitted. */
  received = 0;
  /** Called for each signal, before it is passed on. */
  react: () => void = () => {};
  readonly #fault: Fault;
  readonly #witness = new MutationDetector();

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  wire(below: Wire): Wire {
    return (dial) => {
      const operator = below(dial);
      return (flow$) =>
        new Observable<Up>((up) => {
          this.subscriptions += 1;
          this.flow = this.up = 'open';
          const seen$ = flow$.pipe(
            tap({
              next: (signal) => this.#down(signal),
              error: (error: unknown) => {
                this.error = error;
                this.flow = 'error';
              },
              complete: () => (this.flow = 'complete'),
              unsubscribe: () => (this.flow = 'unsubscribed'),
            }),
          );
          up.add(() => {
            if (this.up === 'open') this.up = 'unsubscribed';
          });
          up.add(
            operator(seen$)
              .pipe(
                tap({
                  next: (signal) => this.#up(signal),
                  error: () => (this.up = 'error'),
                  complete: () => (this.up = 'complete'),
                }),
              )
              .subscribe(up),
          );
        });
    };
  }

  verify(): void {
    const changed = this.#witness.changed();
    if (changed !== undefined) this.#fault(10, changed);
  }

  #down(signal: Flow): void {
    this.downs += 1;
    const { kind } = signal;
    if (!this.connected && (kind === 'data' || kind === 'end')) {
      this.#fault(3, `'${kind}' went down before 'connected' had come up`);
    }
    if (signal.kind === 'data') {
      this.given += signal.bytes.length;
      this.#witness.see(signal.bytes, 'bytes passed on down');
    }
    this.react();
  }

  #up(signal: Up): void {
    if (signal.kind === 'connected') this.connected = true;
    if (signal.kind === 'sent') this.sent += signal.bytes;
    if (signal.kind === 'data') {
      this.received += signal.bytes.length;
      this.#witness.see(signal.bytes, 'bytes that came up from below');
    }
    this.react();
  }
}
