import type { Observable, ObservableInput, SchedulerLike } from 'rxjs';
import type { ConnectOptions } from '../stream/connect.ts';
import type { DrainOptions, DrainReport } from '../stream/drain.ts';
import type { IOStream, StreamOf } from '../stream/io-stream.ts';

/** Uses a connection of a pool. Its `session` is the last value of the option `open`. */
export type PoolHandler<S = IOStream, T = undefined, R = unknown> = (io: S, session: T) => ObservableInput<R>;

/** The options of {@link pool}. All times are in milliseconds; 0 and Infinity turn a limit off. */
export interface PoolOptions<O, T, C = ConnectOptions<O>> {
  /** The options of each connection, as for `connect`; or a function that returns new ones for each. An `fh` needs a function. */
  readonly connect: C;
  /** Maximum number of connections. Those that are closing do not count; they are at most as many again. @default 10 */
  readonly max?: number | undefined;
  /** How many uses may wait while `max` connections are busy. One more is rejected with EOUTBUFLIMIT. @default 10000 */
  readonly maxWaiting?: number | undefined;
  /** How long a use waits for a connection: for its turn, the dial, `open` and `validate` together. Then ETOCONNECT. @default 30000 */
  readonly waitTimeout?: number | undefined;
  /** A connection that is idle for so long is closed. @default 30000 */
  readonly idleTimeout?: number | undefined;
  /** A connection of this age is closed when its use ends, or when it is idle. @default no limit */
  readonly maxAge?: number | undefined;
  /** A connection is closed after this number of uses. @default Infinity */
  readonly maxUses?: number | undefined;
  /**
   * Called once for each new connection: a login, or what makes the session of the connection. The connection is ready when the
   * Observable completes. Its last value is passed to each handler. An error resets the connection, and errors the use. @default none
   */
  readonly open?: ((io: StreamOf<O>) => ObservableInput<T>) | undefined;
  /**
   * Called before an idle connection is used again. Unless the last value is true, the connection is closed, and the use gets another
   * one. Not called when a connection goes from one use to the next without being idle. @default none
   */
  readonly validate?: ((io: StreamOf<O>, session: T) => ObservableInput<boolean>) | undefined;
  /** The scheduler of all timers of the pool. @default that of `connect`, or else asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/** How many connections and uses a pool has. */
export interface PoolCounts {
  /** Connections that wait for a use. */
  readonly idle: number;
  /** Connections in use. */
  readonly busy: number;
  /** Connections that are dialled, logged in by `open`, or checked by `validate`. */
  readonly connecting: number;
  /** Uses that wait for a connection. */
  readonly waiting: number;
}

/** Shares connections between uses: see {@link pool}. */
export interface Pool<S = IOStream, T = undefined> {
  /**
   * Returns a cold Observable. At each subscription it takes a connection, calls the handler, and emits the values of its Observable.
   * Completes when the connection has been returned or closed.
   *
   * **Errors**
   * - Errors with the error of the handler, and resets the connection. To keep it after an error reply, emit the reply, and throw
   *   behind `use`.
   * - Errors with the error of the dial or of `open`; with ETOCONNECT after `waitTimeout`, EOUTBUFLIMIT over `maxWaiting`.
   * - ECLOSED after `close()` or `drain`, and if the peer ends the connection while the handler neither reads nor sends.
   *
   * **Closing**
   * - Unsubscribing leaves the queue, or unsubscribes the handler and closes the connection. From inside `next`, the handler has
   *   until the end of the tick to complete: `firstValueFrom(use(…))` returns the connection after a single reply.
   * - Use the stream only until the handler has completed.
   */
  readonly use: <R>(handler: PoolHandler<S, T, R>) => Observable<R>;
  /** Emits the counts at the subscription, and at the end of each tick in which they have changed. Completes when the pool is closed. */
  readonly counts$: Observable<PoolCounts>;
  /** Emits once and completes when the pool was closed and all its connections are freed. Replayed to late subscribers. */
  readonly closed$: Observable<void>;
  /**
   * Accepts no more uses, and waits until the active and the waiting ones have ended. At the deadline, the remaining ones error with
   * ECLOSED, and their connections are reset. Cold. Emits one report when the pool is closed, and completes.
   *
   * @param options `deadline` in milliseconds.
   * @throws TypeError for a wrong deadline.
   */
  readonly drain: (options: DrainOptions) => Observable<DrainReport>;
  /** Closes: waiting uses error with ECLOSED, idle connections are closed, busy ones when their handler has ended. */
  readonly close: () => void;
  /** Calls `close()` and resolves when `closed$` has emitted. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}
