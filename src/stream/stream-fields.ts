import type { EventMask } from '../events.ts';
import type { Plugin, Timeouts } from '../wire/signal.ts';
import { toBytes, type Bytes, type Writable } from './bytes.ts';
import { checkCallback } from './check-callback.ts';
import { checkStreamOption, checkStreamOptions } from './check-stream-options.ts';
import { Connection } from './connection.ts';
import type { Fh } from './endpoint.ts';
import { NO_HANDLE } from './handle.ts';
import { isAccepted } from './is-accepted.ts';
import { DEFAULTS, type CallbackOf, type CallbackTarget, type StreamOptions } from './options.ts';
import { isOwnField } from './own-fields.ts';
import type { StreamSettings } from './settings.ts';
import type { StreamState } from './report.ts';
import type { AnyDetails } from './stream-of.ts';

/** Returns the parts of a stream, for the functions of this library; not exported by the index. */
export let internalsOf: (io: StreamFields<unknown>) => Connection;

/** The fields of a stream, as the manual of IO::Stream names them. */
export class StreamFields<Details = AnyDetails> {
  static {
    internalsOf = (io) => io.#connection;
  }

  /** The peer's address: the first candidate at RESOLVED, the connected one from just before CONNECTED on. */
  ip: string | undefined;
  /** Whether the peer has ended its direction. */
  isEof = false;
  /** Bytes read so far. You may reset it. */
  inBytes = 0;
  /** Bytes written to the wire so far. You may reset it. */
  outBytes = 0;
  /** The plugins by name. */
  declare readonly plugin: Readonly<Record<string, Plugin>>;
  readonly #connection: Connection;

  constructor(options: StreamOptions<never>) {
    const given = isAccepted(options) ? options : checkStreamOptions(options);
    for (const key in given) if (isOwnField(key)) (this as Record<string, unknown>)[key] = given[key as keyof typeof given];
    const connection = (this.#connection = new Connection(this, given));
    this.plugin = connection.settings.plugin;
    if (given.outPos !== undefined) connection.writes.queue.position = given.outPos;
    if (given.outBuf !== undefined) connection.writes.queue.content = toBytes(given.outBuf, '`outBuf`');
    connection.start(given);
  }

  /** The `fh` option, or the socket once it exists. */
  get fh(): Fh | undefined {
    const { settings, handle } = this.#connection;
    return settings.fh ?? (handle === NO_HANDLE ? undefined : (handle as Fh));
  }

  /** The `host` option, if there is one. */
  get host(): string | undefined {
    return this.#connection.settings.host;
  }

  /** The `port` option, if there is one. */
  get port(): number | undefined {
    return this.#connection.settings.port;
  }

  /** The `path` option, if there is one. */
  get path(): string | undefined {
    return this.#connection.settings.path;
  }

  /** The callback, or an object or class with a method named `method`; read at each event, so that you may assign another. */
  get cb(): CallbackOf<never> | CallbackTarget | undefined {
    return this.#connection.settings.cb;
  }

  set cb(cb: CallbackOf<never> | CallbackTarget | undefined) {
    checkStreamOption('cb', cb);
    checkCallback(cb, this.#connection.settings.method);
    this.#connection.settings.cb = cb;
  }

  /** The name of the method of `cb`; read at each event. @default 'IO' */
  get method(): string {
    return this.#connection.settings.method;
  }

  set method(method: string) {
    this.#set('method', method);
  }

  /** The mask of wanted events; read at each event. Assigning it resumes reading after EINBUFLIMIT. */
  get waitFor(): EventMask | undefined {
    return this.#connection.settings.waitFor;
  }

  set waitFor(mask: EventMask | undefined) {
    this.#set('waitFor', mask);
    this.#connection.reads.clearLimit();
  }

  /** With EOF and without IN in `waitFor`: maximum bytes in `inBuf` before EINBUFLIMIT; 0 = no limit. Assigning it resumes reading. */
  get inBufLimit(): number | undefined {
    return this.#connection.settings.inBufLimit;
  }

  set inBufLimit(limit: number | undefined) {
    this.#set('inBufLimit', limit);
    this.#connection.reads.clearLimit();
  }

  /** Unread bytes, as a view: do not change it in place. Assign to replace them; call `read` to remove bytes. */
  get inBuf(): Bytes {
    return this.#connection.reads.buffer;
  }

  set inBuf(bytes: Writable) {
    this.#connection.reads.assign(toBytes(bytes, '`inBuf`'));
  }

  /** Queued bytes. Later writes do not change a Buffer that was read. After a change call `write()`. */
  get outBuf(): Bytes {
    return this.#connection.writes.queue.content;
  }

  set outBuf(bytes: Writable) {
    this.#connection.writes.queue.content = toBytes(bytes, '`outBuf`');
    this.#connection.writes.replaced();
  }

  /**
   * With a number, bytes are written from this position of `outBuf`: the position advances and `outBuf` stays unchanged. With
   * `undefined`, written bytes are removed from `outBuf`.
   */
  get outPos(): number | undefined {
    return this.#connection.writes.queue.position;
  }

  set outPos(position: number | undefined) {
    checkStreamOption('outPos', position);
    this.#connection.writes.queue.position = position;
    this.#connection.writes.replaced();
  }

  /** Writes are rejected while at least this many bytes are pending; 0 = no limit. A change applies from the next write on. */
  get outBufLimit(): number {
    return this.#connection.settings.outBufLimit;
  }

  set outBufLimit(limit: number | undefined) {
    checkStreamOption('outBufLimit', limit);
    this.#connection.settings.outBufLimit = limit ?? DEFAULTS.outBufLimit;
    this.#connection.writes.updateMark();
  }

  /** All timeouts in milliseconds. Assigned values are merged into the current ones and take effect at once. */
  get timeouts(): Timeouts {
    return { ...this.#connection.settings.timeouts };
  }

  set timeouts(wanted: Partial<Timeouts>) {
    checkStreamOption('timeouts', wanted);
    this.#connection.changeTimeouts(wanted);
  }

  /**
   * `'opening'` until the last handshake is complete, then `'open'`. `'closing'` from `close()` until the handle is freed, then
   * `'closed'`.
   */
  get state(): StreamState {
    return this.#connection.lifetime.state;
  }

  /** What each plugin reports of its handshake, by name. Empty before CONNECTED. */
  get details(): Details {
    return this.#connection.details as Details;
  }

  /**
   * The address at the other end of the socket; that of the proxy, if there is one. After `acceptProxyProtocol`, that of the client.
   * Undefined if the handle has none.
   */
  get remoteAddress(): string | undefined {
    return this.#connection.endpoints.remoteAddress;
  }

  /** The port at the other end of the socket, or of the client, as `remoteAddress`. Undefined if the handle has none. */
  get remotePort(): number | undefined {
    return this.#connection.endpoints.remotePort;
  }

  /** The address of our end of the socket; after `acceptProxyProtocol`, the one that the client connected to. Undefined if unknown. */
  get localAddress(): string | undefined {
    return this.#connection.endpoints.localAddress;
  }

  /** The port of our end of the socket, or of the one that the client connected to, as `localAddress`. Undefined if unknown. */
  get localPort(): number | undefined {
    return this.#connection.endpoints.localPort;
  }

  #set<K extends 'method' | 'waitFor' | 'inBufLimit'>(name: K, value: StreamSettings[K]): void {
    checkStreamOption(name, value);
    this.#connection.settings[name] = value;
  }
}
