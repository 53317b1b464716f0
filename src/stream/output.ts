import { distinctUntilChanged, Subject, type Observable } from 'rxjs';
import { EOUTBUFLIMIT } from '../errors.ts';
import { toBytes, type Writable } from './bytes.ts';
import type { Connection } from './connection.ts';

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
  readonly #connection: Connection;
  readonly #end: () => void;
  #stopped = false;
  /**
   * Emits true when writes should wait, false when they may continue. Starts with the current value; completes on close. Emits
   * synchronously, also inside of `write`.
   */
  readonly blocked$: Observable<boolean>;

  /**
   * @internal
   * @param end ends the stream's direction, as `io.end` does.
   */
  constructor(connection: Connection, end: () => void) {
    super();
    this.#connection = connection;
    this.#end = end;
    const { blocked$ } = connection.writes;
    // An earlier subscriber may have made room, or filled it. That value then arrives first, and this one is outdated.
    this.blocked$ = blocked$.pipe(distinctUntilChanged((last) => last === blocked$.value));
    // Bound: with `config.useDeprecatedNextContext`, RxJS calls them on an object that inherits from this one.
    this.next = this.next.bind(this);
    this.error = this.error.bind(this);
    this.complete = this.complete.bind(this);
    connection.lifetime.closing$.subscribe({ complete: () => this.#stop() });
  }

  /** Bytes accepted and not sent yet. */
  get pending(): number {
    return this.#connection.writes.pending;
  }

  /** Queues bytes, as `io.write` does. Ignored after the output has stopped. */
  override next(data: Writable): void {
    if (this.#stopped) return;
    if (this.#write(data)) super.next(data);
    else this.#stop();
  }

  /** Calls `io.end()`: ends our direction after all queued bytes. */
  override complete(): void {
    if (this.#stopped) return;
    this.#end();
    this.#stop();
  }

  /** Resets the stream with `cause`, which `closed$` then reports. */
  override error(cause: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#connection.closing.reset(cause);
    super.error(cause);
  }

  /** Queues bytes. Returns false if they were rejected: the stream reports the error, and the output stops. */
  #write(data: Writable): boolean {
    const { lifetime, writes } = this.#connection;
    const bytes = toBytes(data, 'what output takes');
    const error = lifetime.isOpen ? writes.accept(bytes) : undefined;
    if (error) this.#connection.reportLater(error, { fatal: error.code === EOUTBUFLIMIT });
    return !error;
  }

  /** Completes: further values are ignored. */
  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    super.complete();
  }
}
