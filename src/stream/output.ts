import { distinctUntilChanged, Subject, type Observable } from 'rxjs';
import type { Writable } from './bytes.ts';

/** What {@link Output} needs of its stream. */
export interface OutputPort {
  readonly pending: number;
  readonly blocked$: Observable<boolean>;
  /** Queues; answers false when it was refused, which the stream is told of: then nothing more may be taken. */
  put(data: Writable): boolean;
  end(): void;
  reset(cause: unknown): void;
}

/**
 * The way to write as a Subject: `source$.subscribe(io.output)`.
 *
 * `next` queues, `complete` is `end()`, `error` is `reset()` with that cause. A Subject cannot push back on a hot source: over
 * `outBufLimit` the stream fails with EOUTBUFLIMIT, so that there is never a silent hole. `io.send(source)` owns its source
 * and pulls.
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
  /** True while writes should wait. Starts with its present value and tells at once, inside of `write` too; completes on close. */
  readonly blocked$: Observable<boolean>;

  /** @internal */
  constructor(port: OutputPort) {
    super();
    this.#port = port;
    this.blocked$ = port.blocked$.pipe(distinctUntilChanged());
    // Bound: with `config.useDeprecatedNextContext` RxJS calls them on an object that inherits from this one.
    this.next = this.next.bind(this);
    this.error = this.error.bind(this);
    this.complete = this.complete.bind(this);
  }

  /** Bytes that were accepted and have not left. */
  get pending(): number {
    return this.#port.pending;
  }

  override next(data: Writable): void {
    if (this.#stopped) return;
    if (this.#port.put(data)) super.next(data);
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

  /** The stream is closed: nothing is taken any more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    super.complete();
  }
}
