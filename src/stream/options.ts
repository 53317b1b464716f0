import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import type { Timeouts } from '../wire/signal.ts';
import type { Plugins } from '../wire/stack.ts';
import type { Writable } from './bytes.ts';
import type { EndpointOptions } from './endpoint.ts';

/** Called for every wanted event, and for every error (then `mask` is 0). */
export type CallbackOf<S> = (io: S, mask: EventMask, error?: IOStreamError) => void;

/** An object or class with a method named `method`. */
export type CallbackTarget = object;

/** An event as a value. */
export interface StreamEventOf<S> {
  /** The stream of the event. */
  readonly io: S;
  /** The events that occurred, as bits; test with `mask & EOF`. Never 0. */
  readonly mask: EventMask;
}

/** The options of a stream `S`. */
export interface StreamOptions<S> extends EndpointOptions {
  /** Called for events and errors: a function, or an object or class with a method named `method`. @default none */
  readonly cb?: CallbackOf<S> | CallbackTarget | undefined;
  /** The name of the method of `cb`. @default 'IO' */
  readonly method?: string | undefined;
  /** Called for every event from the first on, independent of `waitFor`. @default none */
  readonly onEvent?: ((event: StreamEventOf<S>) => void) | undefined;
  /** The events reported to `cb` and `events$` (manual mode); `undefined`: all (reactive mode). @default undefined */
  readonly waitFor?: EventMask | undefined;
  /**
   * With EOF and without IN in `waitFor`: maximum bytes in `inBuf` before EINBUFLIMIT; 0 = no limit. @default none: bytes that arrive are
   * EREQINBUFLIMIT
   */
  readonly inBufLimit?: number | undefined;
  /** Bytes to write as soon as the stream is connected. @default none */
  readonly outBuf?: Writable | undefined;
  /**
   * Write from this position of `outBuf`: the position advances and `outBuf` stays unchanged. @default none: written bytes are removed from
   * `outBuf`
   */
  readonly outPos?: number | undefined;
  /** Writes are rejected (EOUTBUFLIMIT) while at least this many bytes are pending; 0 = no limit. @default 67108864 */
  readonly outBufLimit?: number | undefined;
  /**
   * Limits read-ahead and pending writes, in bytes.
   *
   * - Inbound: the bytes read ahead of a reader that pulls, without a reader, and after EREQINEOF or EREQINBUFLIMIT.
   * - Outbound: the pending bytes from which `write` returns false.
   *
   * @default 65536
   */
  readonly highWaterMark?: number | undefined;
  /** If false, ends our direction after the peer's EOF, once all bytes are sent. @default true with `waitFor`, else false */
  readonly allowHalfOpen?: boolean | undefined;
  /** Returns whether an error closes the stream. ECLOSED never does. @default with `waitFor` the `fatal` of its code, else true */
  readonly isFatal?: ((error: IOStreamError) => boolean) | undefined;
  /** Plugins by name; the first is nearest to the application. @default none */
  readonly plugin?: Plugins | undefined;
  /** Milliseconds; 0 and Infinity are off. @default resolve, connect, handshake, write 30 s; establish 60 s; idle off; close 3 s */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Closes the stream when it aborts; `data$` then errors with an AbortError. @default none */
  readonly signal?: AbortSignal | undefined;
  /** The scheduler of all timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/** The defaults that do not depend on other options. */
export const DEFAULTS: {
  readonly method: string;
  readonly outBufLimit: number;
  readonly highWaterMark: number;
  readonly scheduler: SchedulerLike;
} = {
  method: 'IO',
  outBufLimit: 64 * 1024 * 1024,
  highWaterMark: 64 * 1024,
  scheduler: asyncScheduler,
};
