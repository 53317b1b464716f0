import { setImmediate as turn } from 'node:timers/promises';
import { Observable, type Subscriber } from 'rxjs';
import { END, type Plugin, type Up } from '../../src/wire/signal.ts';

/** Holds back inbound data below TLS while it is closed, and emits it in chunks of another size when it opens. */
export class InboundGate {
  #up: Subscriber<Up> | undefined;
  #bytes: Buffer[] | undefined;
  #passed = 0;

  readonly plugin: Plugin = (wire) => (dial) => (flow$) =>
    new Observable<Up>((up) => {
      this.#up = up;
      return flow$.pipe(wire(dial)).subscribe({
        next: (signal) => {
          this.#passed += 1;
          if (!this.#bytes || signal.kind !== 'data') up.next(signal);
          else this.#bytes.push(Buffer.from(signal.bytes));
        },
        error: (error: unknown) => up.error(error),
        complete: () => up.complete(),
      });
    });

  /** Holds back inbound data from now on. */
  close(): void {
    this.#bytes = [];
  }

  /** Resolves when no signal has arrived for some turns. */
  async settled(): Promise<void> {
    for (let before = -1, quiet = 0; quiet < 10; quiet = before === this.#passed ? quiet + 1 : 0, before = this.#passed) await turn();
  }

  /** Emits an additional inbound signal. */
  emit(signal: Up): void {
    this.#up?.next(signal);
  }

  /** Emits the data held back, `cut` bytes at a time, and the end of the wire, in one tick. */
  open(cut: number): void {
    const all = Buffer.concat(this.#bytes ?? []);
    for (let at = 0; at < all.length; at += cut) this.#up?.next({ kind: 'data', bytes: all.subarray(at, at + cut) });
    this.#up?.next(END);
  }
}
