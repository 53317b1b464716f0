import { Observable, type Subscriber } from 'rxjs';
import type { Dial, Flow, Up, Wire } from '../../src/wire/signal.ts';

/** The state of one direction. */
export type State = 'open' | 'complete' | 'error' | 'unsubscribed';

/** A wire that a spec controls: records outbound signals, and emits inbound signals by method calls. */
export class ScriptedWire {
  /** The outbound signals so far. */
  readonly down: Flow[] = [];
  readonly dials: Dial[] = [];
  /** Called with each outbound signal, from inside `next`. */
  answer: (signal: Flow) => void = () => {};
  /** The state of Flow; `error` is its error. */
  flow: State = 'open';
  error: unknown;
  /** Number of subscriptions so far, and whether the last one was torn down. */
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

  emit(...signals: readonly Up[]): void {
    for (const signal of signals) this.#up?.next(signal);
  }

  connect(): void {
    this.emit({ kind: 'connected', details: [{ wire: 'scripted' }] });
  }

  complete(): void {
    this.#up?.complete();
  }

  fail(error: unknown): void {
    this.#up?.error(error);
  }
}
