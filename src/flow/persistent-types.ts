import type { Observable } from 'rxjs';
import type { Writable } from '../stream/bytes.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/options.ts';
import type { BackoffOptions } from './backoff-plan.ts';
import type { UnsentWrite } from './persistent-writes.ts';

/** The options of each attempt, or a function that makes them. */
export type PersistentTarget = IOStreamOptions | ((attempt: number) => IOStreamOptions);

/** When a persistent stream dials again, and what becomes of unsent writes. */
export interface PersistentOptions extends BackoffOptions {
  /**
   * What becomes of unsent writes when a connection is lost or an attempt fails. `keep`: those of which nothing was written
   * to the wire yet are written whole to the next connection, all others are lost; `drop`: all are lost; `error`: it ends.
   * `unsent$` reports all of them. @default 'keep'
   */
  readonly unsent?: 'keep' | 'drop' | 'error' | undefined;
  /**
   * Whether a connection that ends in good order (the peer's FIN, or `close()` of the stream) is followed by another one, as a
   * lost one is. With `false` the persistent stream then ends, without an error. @default true
   */
  readonly repeat?: boolean | undefined;
  /** A write is refused while this many bytes are pending; 0 = no limit. @default 67108864 */
  readonly outBufLimit?: number | undefined;
}

/** What a persistent stream is doing. Attempts are numbered from 1; the numbers never start again. */
export type PersistentStatus =
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'connected'; readonly attempt: number; readonly io: IOStream }
  /** The attempt, or its connection, is over, by an error or (without one) by a close; the next one begins in `delay` milliseconds. */
  | { readonly state: 'waiting'; readonly attempt: number; readonly error?: unknown; readonly delay: number }
  /** It is over: by `close()`, by an end in good order (with `repeat: false`), or by this error. */
  | { readonly state: 'closed'; readonly attempt: number; readonly error?: unknown };

/** Writes that had not been sent. */
export interface UnsentReport {
  /** In which attempt. */
  readonly attempt: number;
  /** The error of its connection; none: it was closed. */
  readonly error?: unknown;
  /** In the order in which they were written. */
  readonly writes: readonly UnsentWrite[];
}

/** A stream that dials again; see `persistent`. */
export interface Persistent {
  /** What it is doing; starts with the present value. Completes when it is over, never errors. */
  readonly status$: Observable<PersistentStatus>;
  /**
   * The present connection, if it is open in both directions, and each next one: a late subscriber never gets a closed stream.
   * Completes when the persistent stream is closed; errors with the error that ended it.
   */
  readonly stream$: Observable<IOStream>;
  /** Writes that had not been sent, each time that there are any. Hot; completes when it is over. */
  readonly unsent$: Observable<UnsentReport>;
  /** True while writes should wait. Starts with the present value. */
  readonly blocked$: Observable<boolean>;
  /** Bytes of writes that have not been sent as a whole. */
  readonly pending: number;
  /**
   * Queues bytes for the present connection, or the next. Do not change them afterwards.
   *
   * @returns false when the caller should wait for `blocked$`, or when nothing was taken: it is over, or `outBufLimit` bytes are
   *   pending (then `unsent$` reports EOUTBUFLIMIT).
   * @throws TypeError for anything that is neither a string nor a view of bytes.
   */
  readonly write: (data: Writable) => boolean;
  /** Ends it for good: what can still be sent by the present connection is, `unsent$` reports the rest. */
  readonly close: () => void;
}
