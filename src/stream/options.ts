import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import type { Fh } from '../wire/fh/fh.ts';
import type { Guard } from '../wire/guard.ts';
import type { Timeouts, Wire } from '../wire/signal.ts';
import type { Plugins } from '../wire/stack.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import type { Writable } from './bytes.ts';

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
export interface StreamOptions<S> extends TcpOptions {
  /**
   * The file descriptor, handle or Node stream to read and write. Closed with the stream. One stream per `fh`. @default none: one of `fh`,
   * `host` with `port`, `path` and `wire` is required
   */
  readonly fh?: Fh | undefined;
  /**
   * The host name or address to connect to. Every address of a name is tried.
   *
   * Any text that is not an address goes to the resolver. Most resolvers turn `127.1`, `0x7f.1`, `2130706433` and full-width digits
   * into 127.0.0.1. To block an address, use `guard`, which judges the resolved address, not this text.
   *
   * @default none; see `fh`
   */
  readonly host?: string | undefined;
  /** The port to connect to, 1 to 65535. @default none; required with `host` */
  readonly port?: number | undefined;
  /** The UNIX socket or named pipe to connect to. On Linux, a path that starts with NUL is an abstract socket. @default none; see `fh` */
  readonly path?: string | undefined;
  /** Any other wire, such as one end of a `memoryPair`. @default none; see `fh` */
  readonly wire?: Wire | undefined;
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
  /**
   * Called for each address before its attempt to connect. Returns true, or the reason against it, which EBLOCKED contains. A name has
   * a chance with each of its addresses.
   *
   * - With a proxy, judges the target, not the proxy, which you have chosen. If the proxy resolves the name, the name is all there is.
   * - Called with the path for `path`. Not allowed with `fh` and `wire`.
   * - A guard that throws blocks.
   *
   * @default all are allowed
   */
  readonly guard?: Guard | undefined;
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
