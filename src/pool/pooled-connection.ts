import type { ObservableInput, Subscription } from 'rxjs';
import { EOF, IN } from '../events.ts';
import type { Connection } from '../stream/connection.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { endSince, nextReader } from '../stream/read-ahead.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import { runHandler } from '../stream/run-handler.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { after } from '../util/timer.ts';
import { connectionLost } from './pool-errors.ts';
import type { PoolPlan } from './pool-plan.ts';

/** Receives the events of a connection: the pool. */
export interface ConnectionOwner {
  /** The connection may be used: `open` or `validate` has completed. */
  ready(connection: PooledConnection): void;
  /** The dial or `open` failed. */
  failed(connection: PooledConnection, error: unknown): void;
  /** The connection must not be used again: it is too old, not valid, or the peer has sent bytes or a FIN. */
  expired(connection: PooledConnection): void;
  /** The stream can no longer be used. The error is for a use that waits for it. */
  lost(connection: PooledConnection, error: unknown): void;
  /** The handle is freed. */
  freed(connection: PooledConnection): void;
}

/** How a connection ends. `leave` is for a use that was unsubscribed: its readers get no notification. */
export type EndOfConnection = 'close' | 'leave' | 'reset';

/** One connection of a pool: opens it, checks it between two uses, and watches it while it is idle. */
export class PooledConnection {
  readonly io: IOStream;
  /** The last value of `open`. */
  session: unknown;
  readonly #plan: PoolPlan;
  readonly #owner: ConnectionOwner;
  readonly #core: Connection;
  /** The run of `open` or `validate`. */
  #run: Subscription | undefined;
  /** The timer and the observer of an idle connection. */
  #watch: Subscription | undefined;
  #readyAt = 0;
  #uses = 0;
  /** The readers that exist before a use, and the bytes read before an idle time. */
  #lastReader = 0;
  #hadReader = false;
  #bytesIn = 0;

  /**
   * Dials.
   *
   * @throws TypeError for wrong options of the stream.
   */
  constructor(plan: PoolPlan, owner: ConnectionOwner) {
    this.#plan = plan;
    this.#owner = owner;
    this.io = plan.dial();
    this.#core = internalsOf(this.io);
    const { lifetime, errors } = this.#core;
    errors.handled = true;
    lifetime.opened$.subscribe(() => this.#opened());
    lifetime.closing$.subscribe((end) => this.#ended(end));
    lifetime.closed$.subscribe(() => owner.freed(this));
  }

  /** Runs `validate`. */
  validate(): void {
    let isValid = false;
    this.wake();
    this.#prepare(
      (io) => this.#plan.validate?.(io, this.session) ?? [],
      (value: unknown) => (isValid = value === true),
      () => isValid && this.isReusable(),
      () => this.#owner.expired(this),
    );
  }

  /** Starts a use, or a check: the connection keeps the process alive, and the readers that follow are of this use. */
  wake(): void {
    this.#watch?.unsubscribe();
    this.io.ref();
    this.#lastReader = nextReader();
    this.#hadReader = this.#core.reads.hasReader;
    this.#core.reads.wasRead = false;
  }

  /** Counts a use. */
  startUse(): void {
    this.wake();
    this.#uses += 1;
  }

  /**
   * Whether the connection may be used again: it is open both ways, and nothing is unread or unsent. If so, ends the readers of the
   * last use.
   * Called at the end of the tick in which the use has completed: its writes have been passed on then.
   */
  isReusable(): boolean {
    const { reads, writes, closing, sendCount } = this.#core;
    const { maxUses, maxAge } = this.#plan;
    const isSettled = this.#isOpenBothWays() && writes.pending === 0 && sendCount === 0 && !closing.hasCutUpload && !reads.isPaused;
    if (!isSettled || this.#uses >= maxUses || this.#age >= maxAge) return false;
    if (reads.unread > 0 || !endSince(this.io, this.#lastReader)) return false;
    return this.#isOpenBothWays() && (this.#hadReader || !reads.hasReader);
  }

  /** Whether the peer has sent nothing while the connection was idle. */
  get isFresh(): boolean {
    return this.#isOpenBothWays() && this.#core.lifetime.bytesIn === this.#bytesIn && this.#age < this.#plan.maxAge;
  }

  /** Watches the idle connection. It does not keep the process alive. */
  rest(): void {
    const { idleTimeout, maxAge, scheduler } = this.#plan;
    const expire = (): void => this.#owner.expired(this);
    this.#bytesIn = this.#core.lifetime.bytesIn;
    this.io.unref();
    this.#watch = after(Math.min(idleTimeout, maxAge - this.#age), scheduler, expire, { unref: true });
    this.#watch.add(
      this.io.events$.subscribe(({ mask }) => {
        if ((mask & (IN | EOF)) !== 0) expire();
      }),
    );
  }

  /** Ends the connection after its queued bytes, or at once by a reset. Truncated data is always reset. */
  end(how: EndOfConnection): void {
    this.#run?.unsubscribe();
    this.#watch?.unsubscribe();
    if (how === 'leave') this.#core.closing.leave();
    else if (how === 'close' && !this.#core.closing.hasCutUpload) this.io.close();
    else this.io.reset();
  }

  /** Keeps the process alive while the connection closes. */
  awaitClose(): void {
    this.#core.awaitedClose$.subscribe();
  }

  #isOpenBothWays(): boolean {
    const { lifetime, writes } = this.#core;
    return lifetime.state === 'open' && lifetime.isActive && !this.io.isEof && !writes.ended;
  }

  get #age(): number {
    return this.#plan.scheduler.now() - this.#readyAt;
  }

  #opened(): void {
    const { open, scheduler } = this.#plan;
    this.#readyAt = scheduler.now();
    if (!open) this.#owner.ready(this);
    else
      this.#prepare(
        open,
        (value) => (this.session = value),
        () => this.#isOpenBothWays(),
        (error) => this.#owner.failed(this, error),
      );
  }

  /** Runs a function of the user, and checks at the end of the tick in which it has completed. */
  #prepare<T>(
    run: (io: IOStream) => ObservableInput<T>,
    next: (value: T) => void,
    isReady: () => boolean,
    error: (reason: unknown) => void,
  ): void {
    const complete = (): void => {
      this.#run = atTickEnd(this.#plan.scheduler, () => {
        if (isReady()) this.#owner.ready(this);
        else error(endedEarly());
      });
    };
    const stopped = (end: ReadEnd): void => error(errorOf(end));
    const running = runHandler(this.io, run, { keepsOpen: true, next, error, complete, stopped });
    if (!running.closed) this.#run = running;
  }

  #ended(end: ReadEnd): void {
    // A conversation that is reading gets the end itself, and reports more: a refused login, for example.
    if (!this.#run || this.#run.closed) this.#owner.lost(this, errorOf(end));
  }
}

function errorOf(end: ReadEnd): unknown {
  return 'error' in end ? end.error : endedEarly();
}

function endedEarly(): unknown {
  return connectionLost('the connection ended before it was ready');
}
