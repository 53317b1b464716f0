import { noop, Observable, tap } from 'rxjs';
import type { Flow, Up, Wire } from '../../../wire/signal.ts';
import { MutationDetector } from '../../mutation-detector.ts';
import type { OnViolation } from '../endpoint.ts';

type DirectionState = 'new' | 'open' | 'complete' | 'error' | 'unsubscribed';

/** Observes a plugin from below: records its signals to and from the wire, and reports violations of rules 3 and 10. */
export class Probe {
  subscriptions = 0;
  /** State of the Flow that the plugin sends, and of the Up that it subscribes. */
  flow: DirectionState = 'new';
  up: DirectionState = 'new';
  isConnected = false;
  /** Number of signals that the plugin has sent, and of the bytes in them. */
  signals = 0;
  written = 0;
  sent = 0;
  /** Number of bytes that the wire emitted. */
  received = 0;
  /** Called for each signal in either direction, before it is passed on. */
  onSignal: () => void = noop;
  readonly #onViolation: OnViolation;
  readonly #mutations = new MutationDetector();

  constructor(onViolation: OnViolation) {
    this.#onViolation = onViolation;
  }

  wire(below: Wire): Wire {
    return (dial) => {
      const operator = below(dial);
      return (flow$) =>
        new Observable<Up>((up) => {
          this.subscriptions += 1;
          this.flow = this.up = 'open';
          const probedFlow$ = flow$.pipe(
            tap({
              next: (signal) => this.#onFlow(signal),
              error: () => (this.flow = 'error'),
              complete: () => (this.flow = 'complete'),
              unsubscribe: () => (this.flow = 'unsubscribed'),
            }),
          );
          const probedUp$ = operator(probedFlow$).pipe(
            tap({
              next: (signal) => this.#onUp(signal),
              error: () => (this.up = 'error'),
              complete: () => (this.up = 'complete'),
            }),
          );
          up.add(() => {
            if (this.up === 'open') this.up = 'unsubscribed';
          });
          up.add(probedUp$.subscribe(up));
        });
    };
  }

  /** Reports bytes that were changed after they passed. Call it at the end. */
  checkMutations(): void {
    const changed = this.#mutations.changed();
    if (changed !== undefined) this.#onViolation(10, changed);
  }

  #onFlow(signal: Flow): void {
    this.signals += 1;
    const { kind } = signal;
    if (!this.isConnected && (kind === 'data' || kind === 'end')) {
      this.#onViolation(3, `the plugin sent '${kind}' before the wire emitted 'connected'`);
    }
    if (signal.kind === 'data') {
      this.written += signal.bytes.length;
      this.#mutations.track(signal.bytes, 'bytes written by the plugin');
    }
    this.onSignal();
  }

  #onUp(signal: Up): void {
    if (signal.kind === 'connected') this.isConnected = true;
    if (signal.kind === 'sent') this.sent += signal.bytes;
    if (signal.kind === 'data') {
      this.received += signal.bytes.length;
      this.#mutations.track(signal.bytes, 'bytes emitted to the plugin');
    }
    this.onSignal();
  }
}
