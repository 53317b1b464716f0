import { Observable, of, retry, throwError, type OperatorFunction, type Subscriber } from 'rxjs';
import { EPROXYAUTH, IOStreamError } from '../../errors.ts';
import { guardedSubscriber, type GuardedObserver } from '../../util/guarded-subscriber.ts';
import { RESUME, type Flow, type Up } from '../../wire/signal.ts';

/**
 * Thrown by a conversation that cannot continue on this connection. A shared constant: its `layer` is set so that no other code sets
 * it.
 */
export const REDIAL: Readonly<IOStreamError> = /* @__PURE__ */ Object.freeze(
  /* @__PURE__ */ new IOStreamError(EPROXYAUTH, { phase: 'handshake', layer: 'httpProxy' }),
);

/** Connects the outbound flow to one connection after another, if there is an `auth`. */
export class TunnelRetry implements GuardedObserver<Flow> {
  readonly #up: Subscriber<Up>;
  readonly #fromAbove: Subscriber<Flow> = guardedSubscriber<Flow>(this);
  /** The outbound side of the current connection. */
  #down: Subscriber<Flow> | undefined;
  /** The last pause or resume. No other signal can precede a new connection. */
  #last: Flow | undefined;

  constructor(up: Subscriber<Up>) {
    this.#up = up;
  }

  start(flow$: Observable<Flow>, tunnel: OperatorFunction<Flow, Up>): void {
    this.#up.add(this.#fromAbove);
    const kept$ = new Observable<Flow>((down) => {
      const isFirst = !this.#down;
      this.#down = down;
      if (this.#last) down.next(this.#last);
      if (isFirst) flow$.subscribe(this.#fromAbove);
    });
    kept$.pipe(tunnel, retry({ delay: (error) => this.#again(error) })).subscribe(this.#up);
  }

  next(signal: Flow): void {
    if (signal.kind === 'pause' || signal.kind === 'resume') this.#last = signal;
    this.#down?.next(signal);
  }

  error(reason: unknown): void {
    this.#down?.error(reason);
    this.#up.error(reason); // The connection may be closed already.
  }

  complete(): void {
    if (this.#down?.closed) this.#up.complete();
    else this.#down?.complete();
  }

  #again(error: unknown): Observable<unknown> {
    if (error !== REDIAL) return throwError(() => error);
    this.#up.next(RESUME); // The previous connection may have sent a pause.
    return of(true);
  }
}
