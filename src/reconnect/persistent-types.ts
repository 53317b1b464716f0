import type { Observable } from 'rxjs';
import type { Writable } from '../stream/bytes.ts';
import type { IOStream, IOStreamOptions } from '../stream/io-stream.ts';
import type { BackoffOptions } from './backoff-options.ts';

/**
 * The options of a connection; or those of several targets, in the order of preference; or a function that returns the options for
 * each attempt number.
 */
export type PersistentTarget = IOStreamOptions | readonly IOStreamOptions[] | ((attempt: number) => IOStreamOptions);

/** Sets when a persistent stream connects and reconnects, and how it treats unsent writes. */
export interface PersistentOptions extends BackoffOptions {
  /**
   * How to treat unsent writes when a connection is lost or an attempt fails. `unsent$` reports them, except writes that are kept
   * after an attempt that never connected.
   * - `keep`: writes of which no byte was written to the wire stay queued for the next connection. All others are dropped.
   * - `drop`: all are dropped.
   * - `error`: the persistent stream ends if there are unsent writes.
   *
   * @default 'keep'
   */
  readonly unsent?: 'keep' | 'drop' | 'error' | undefined;
  /**
   * Whether to reconnect after a connection that closes without an error: the peer's FIN, or `close()` of the stream. With `false`
   * the persistent stream then ends, without an error. @default true
   */
  readonly repeat?: boolean | undefined;
  /** Rejects writes while this many bytes, or more, are pending; 0 = no limit. @default 67108864 */
  readonly outBufLimit?: number | undefined;
  /**
   * When to dial.
   * - `now`: at the end of the caller's tick, and after each loss.
   * - `demand`: while a write is pending, or after `connect()` or a value of `wake$` until there is a connection. Otherwise, also
   *   after a loss, the state is `idle`.
   *
   * @default 'now'
   */
  readonly dial?: 'now' | 'demand' | undefined;
  /**
   * Each value acts as `connect()`: it ends a delay, and the state `idle`. Subscribed from the call until the persistent stream ends.
   * @default NEVER
   */
  readonly wake$?: Observable<unknown> | undefined;
  /**
   * Closes a connection without traffic, pending writes and waiting requests after this many milliseconds, or up to a quarter more.
   * The state is then `idle` until the next write, `connect()` or value of `wake$`. 0 or Infinity = never. @default Infinity
   */
  readonly idleClose?: number | undefined;
  /**
   * Fails a connection from which no byte arrived for this many milliseconds, or up to a quarter more, with ETOIDLE. Unlike
   * `timeouts.idle`, our own writes do not count. 0 or Infinity = never. @default Infinity
   */
  readonly maxSilence?: number | undefined;
  /** With several targets: how long one that failed is tried only after the others, in milliseconds. @default 30000 */
  readonly preferAfter?: number | undefined;
}

/**
 * The state of a persistent stream. Each state has the same fields; those that it does not use are undefined.
 *
 * - `attempt`: the number of the current or last attempt, from 1; 0 before the first one. It is never reset.
 * - `target`: the options of that attempt. Undefined before the first one, or if the function that makes them has thrown.
 */
export type PersistentStatus =
  /** There is no connection, and none is wanted. The last one may have ended with an `error`. */
  | {
      readonly state: 'idle';
      readonly attempt: number;
      readonly target: IOStreamOptions | undefined;
      readonly error?: unknown;
      readonly delay?: undefined;
      readonly io?: undefined;
    }
  | {
      readonly state: 'connecting';
      readonly attempt: number;
      readonly target: IOStreamOptions | undefined;
      readonly error?: undefined;
      readonly delay?: undefined;
      readonly io?: undefined;
    }
  | {
      readonly state: 'connected';
      readonly attempt: number;
      readonly target: IOStreamOptions | undefined;
      readonly error?: undefined;
      readonly delay?: undefined;
      readonly io: IOStream;
    }
  /** The attempt failed or its connection closed, with or without an `error`. The next one starts in `delay` whole milliseconds. */
  | {
      readonly state: 'waiting';
      readonly attempt: number;
      readonly target: IOStreamOptions | undefined;
      readonly error?: unknown;
      readonly delay: number;
      readonly io?: undefined;
    }
  /** Closed for good: by `close()`, by a connection that closed without an error (with `repeat: false`), or by this `error`. */
  | {
      readonly state: 'closed';
      readonly attempt: number;
      readonly target: IOStreamOptions | undefined;
      readonly error?: unknown;
      readonly delay?: undefined;
      readonly io?: undefined;
    };

/** A write that had not been sent completely when its connection was lost. */
export interface UnsentWrite {
  /** The argument of `write`. */
  readonly data: Writable;
  /** The length in bytes. */
  readonly length: number;
  /** How many bytes have certainly been sent: the kernel has taken them. */
  readonly sent: number;
  /** How many bytes may have been sent: they were written to the wire. */
  readonly written: number;
  /** Whether it stays queued, to be written completely to the next connection. */
  readonly kept: boolean;
}

/** Reports writes that had not been sent. */
export interface UnsentReport {
  /** The number of the attempt in which they were not sent. */
  readonly attempt: number;
  /** The error of that attempt or its connection. Absent if the connection closed without an error. */
  readonly error?: unknown;
  /** The writes, in the order of the `write` calls. */
  readonly writes: readonly UnsentWrite[];
}

/** A stream that reconnects; see `persistent`. */
export interface Persistent {
  /** Emits the current state on subscribe, then each change. Completes when the persistent stream ends. Never errors. */
  readonly status$: Observable<PersistentStatus>;
  /**
   * Emits the current connection on subscribe if it is open in both directions, then each new one. Never emits a closed stream.
   * Completes when the persistent stream is closed, or errors with the error that ended it.
   */
  readonly stream$: Observable<IOStream>;
  /** Emits the unsent writes when a connection is lost or a write is rejected. Hot. Completes when the persistent stream ends. */
  readonly unsent$: Observable<UnsentReport>;
  /** Emits true when callers should stop writing, false when they may go on. Emits the current value on subscribe. */
  readonly blocked$: Observable<boolean>;
  /** The total bytes of all writes that have not been sent completely. */
  readonly pending: number;
  /**
   * Queues bytes for the current connection, or for the next one. The buffer is not copied: do not change it afterwards.
   *
   * @returns false when the caller should wait for `blocked$` to emit false. Also false when the write was rejected: the stream
   *   is closed, or `outBufLimit` bytes are pending (`unsent$` then reports EOUTBUFLIMIT).
   * @throws TypeError if `data` is neither a string nor a view of bytes.
   */
  readonly write: (data: Writable) => boolean;
  /**
   * Dials at the end of the caller's tick, if there is no connection: ends a delay, and the state `idle`. The delays start with
   * `initial` again, with the first target. Has no effect on a connection or an attempt.
   */
  readonly connect: () => void;
  /** Closes for good. The current connection still sends what it can; `unsent$` reports the rest. */
  readonly close: () => void;
}
