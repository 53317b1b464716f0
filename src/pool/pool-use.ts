import type { Subscriber, Subscription, Unsubscribable } from 'rxjs';
import type { ReadEnd } from '../stream/read-end.ts';
import { RunningHandler, type HandlerObserver } from '../stream/run-handler.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { AsyncContext } from '../util/async-context.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import type { Linked } from '../util/linked-list.ts';
import { after } from '../util/timer.ts';
import { connectionLost } from './pool-errors.ts';
import type { PoolPlan } from './pool-plan.ts';
import type { PoolHandler } from './pool-types.ts';
import type { EndOfConnection, PooledConnection } from './pooled-connection.ts';

/** Receives the events of a use: the pool. */
export interface UseOwner {
  readonly plan: PoolPlan;
  /** The use was unsubscribed while it waited. */
  left(use: PoolUse): void;
  /** The use has waited for `waitTimeout`. */
  timedOut(use: PoolUse): void;
  /** The handler has completed: its connection is checked at the end of the tick, and returned. Then `done` is called. */
  completed(use: PoolUse, done: () => void): void;
  /** The handler has ended in another way: its connection ends. */
  stopped(use: PoolUse, how: EndOfConnection): void;
}

/** One subscription of `use`: waits for a connection, runs the handler, and returns the connection. */
export class PoolUse extends AsyncContext implements Linked<PoolUse>, Unsubscribable {
  previous: PoolUse | undefined;
  next: PoolUse | undefined;
  /** Set from the start of the handler on. */
  connection: PooledConnection | undefined;
  readonly #owner: UseOwner;
  readonly #handler: PoolHandler<never, never>;
  readonly #out: Subscriber<unknown>;
  #timer: Subscription | undefined;
  #running: RunningHandler<unknown> | undefined;
  #isEmitting = false;
  #hasEnded = false;
  readonly #observer: HandlerObserver<unknown> = {
    keepsOpen: true,
    next: (value) => this.#emit(value),
    error: (error) => {
      this.#owner.stopped(this, 'reset');
      this.fail(error);
    },
    complete: () => {
      this.#hasEnded = true;
      this.#owner.completed(this, () => this.#complete()); // Completes behind the return, so that the next use finds the connection.
    },
    stopped: (end) => this.#stopped(end),
  };

  constructor(owner: UseOwner, handler: PoolHandler<never, never>, out: Subscriber<unknown>) {
    super();
    this.#owner = owner;
    this.#handler = handler;
    this.#out = out;
  }

  /** Whether the use was neither served nor rejected at once. */
  get isWaiting(): boolean {
    return !this.connection && !this.#hasEnded;
  }

  /** Starts the timer of a use that waits. */
  wait(): void {
    const { waitTimeout, scheduler } = this.#owner.plan;
    if (this.isWaiting) this.#timer = after(waitTimeout, scheduler, () => this.#owner.timedOut(this));
  }

  /** Runs the handler on a connection, in the async context of the subscriber. */
  start(connection: PooledConnection): void {
    this.#timer?.unsubscribe();
    this.connection = connection;
    connection.startUse();
    const running = new RunningHandler(connection.io, this.#observer);
    this.#running = running;
    this.run(() => running.start((io: never) => this.#handler(io, connection.session as never)), undefined, undefined);
  }

  /** Errors the use, and stops its handler. */
  fail(error: unknown): void {
    this.#hasEnded = true;
    this.#timer?.unsubscribe();
    this.#running?.unsubscribe();
    this.run((reason) => this.#out.error(reason), undefined, error);
  }

  /** Called when the subscriber unsubscribes. From inside `next`, the handler may still complete in this tick. */
  unsubscribe(): void {
    if (this.#hasEnded) return;
    if (!this.connection) {
      this.#hasEnded = true;
      this.#timer?.unsubscribe();
      this.#owner.left(this);
    } else if (this.#isEmitting) atTickEnd(this.#owner.plan.scheduler, () => this.#abandon());
    else this.#abandon();
  }

  /** Stops a handler that is no longer wanted. */
  #abandon(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#running?.unsubscribe();
    this.#owner.stopped(this, 'leave');
  }

  #emit(value: unknown): void {
    if (this.#out.closed) {
      this.#abandon(); // A second value after the subscriber has unsubscribed inside `next`.
      return;
    }
    const wasEmitting = this.#isEmitting;
    this.#isEmitting = true;
    try {
      this.run((each) => this.#out.next(each), undefined, value);
    } finally {
      this.#isEmitting = wasEmitting;
    }
  }

  #complete(): void {
    this.run(() => this.#out.complete(), undefined, undefined);
  }

  /** The connection has ended, and the handler neither read nor sent. */
  #stopped(end: ReadEnd): void {
    const { connection } = this;
    if (!connection) return;
    const { lifetime } = internalsOf(connection.io);
    const isOurs = lifetime.state === 'closing';
    this.#hasEnded = true;
    this.#owner.stopped(this, 'close');
    if ('error' in end) lifetime.whenReadersDone(() => this.fail(end.error));
    else if (isOurs) this.#complete();
    else this.fail(connectionLost());
  }
}
