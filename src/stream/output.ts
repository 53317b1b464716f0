import { distinctUntilChanged, Subject, type Observable } from 'rxjs';
import type { Writable } from './bytes.ts';

/** The parts of the stream that {@link Output} uses. */
export interface OutputPort {
  readonly pending: number;
  readonly blocked$: Observable<boolean>;
  /** Queues bytes. Returns false if they were rejected; the stream reports the error, and the output must stop. */
  write(data: Writable): boolean;
  end(): void;
  reset(cause: unknown): void;
}

/**
 * Writes to a stream as a Subject: `source$.subscribe(io.output)`.
 *
 * - `next` queues bytes.
 * - `complete` calls `end()`.
 * - `error` resets the stream with that cause.
 *
 * **Backpressure**
 * - None: a Subject cannot slow down its source. `io.send(source)` pulls.
 *
 * **Memory**
 * - Over `outBufLimit`, the stream fails with EOUTBUFLIMIT, so that bytes are never dropped silently.
 *
 * ```ts
 * import { IOStream } from 'rxjs-io-stream';
 * import { interval, map, take } from 'rxjs';
 *
 * const io = new IOStream({ host: '127.0.0.1', port: 7 });
 * interval(1000).pipe(take(3), map((n) => `tick ${n}\n`)).subscribe(io.output);
 * ```
 */
export class Output extends Subject<Writable> {
  readonly #port: OutputPort;
  #stopped = false;
  /**
   * Emits true when writes should wait, false when they may continue. Starts with the current value; completes on close. Emits
   * synchronously, also inside of `write`.
   */
  readonly blocked$: Observable<boolean>;

  /** @internal */
  constructor(port: OutputPort) {
    super();
    this.#port = port;
    this.blocked$ = port.blocked$.pipe(distinctUntilChanged());
    // Bound: with `config.useDeprecatedNextContext`, RxJS calls them on an object that inherits from this one.
    this.next = this.next.bind(this);
    this.error = this.error.bind(this);
    this.complete = this.complete.bind(this);
  }

  /** Bytes accepted and not sent yet. */
  get pending(): number {
    return this.#port.pending;
  }

  override next(data: Writable): void {
    if (this.#stopped) return;
    if (this.#port.write(data)) super.next(data);
    else this.stop();
  }

  override complete(): void {
    if (this.#stopped) return;
    this.#port.end();
    this.stop();
  }

  override error(cause: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#port.reset(cause);
    super.error(cause);
  }

  /** Completes: further values are ignored. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    super.complete();
  }
}
