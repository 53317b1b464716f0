import { IOStream } from '../stream/io-stream.ts';
import { IOStreamDuplex } from './io-stream-duplex.ts';
import { hasTls, SecureDuplex } from './secure-duplex.ts';
import type { SocketDuplex } from './socket-duplex.ts';

/**
 * Wraps a connection in a `Duplex`, for libraries that expect a socket: `ws`, database clients, `http2.connect({ createConnection })`.
 *
 * ```text
 *   library ── write ──▶ send ──▶ plugins ──▶ wire       the write's callback: its bytes are sent
 *   library ◀── read ─── consume ◀── plugins ◀── wire    reads no faster than the library reads
 *   library ── end ────▶ io.end()      library ◀── 'end' ── the peer's FIN
 * ```
 *
 * The Duplex has the members and events of `net.Socket` that libraries use. With a TLS plugin on top, it also has those of
 * `tls.TLSSocket`. The Duplex is the only reader of the stream from now on.
 *
 * Emits `'connect'` when all plugins are connected. Earlier writes are queued.
 *
 * **Errors**
 * - An error of the stream destroys the Duplex (`'error'` once, then `'close'`), after all bytes that were read before it.
 * - It has Node's code (`ENOTFOUND`, `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …) and the `IOStreamError` in `cause`.
 *
 * **Closing**
 * - `destroy()` frees the connection at once and receives nothing more. It sends FIN if all written bytes are sent and there is no
 *   error, otherwise RST.
 * - The Duplex has the `allowHalfOpen` of the stream.
 * - If you close the stream, the Duplex ends.
 *
 * **Backpressure**
 * - In both directions. Reads at most `highWaterMark` bytes ahead.
 *
 * **Memory**
 * - At most `highWaterMark` bytes in each direction, and whatever the library writes after `write` returned false.
 *
 * ```ts
 * import { open, toDuplex } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 7 });
 * process.stdin.pipe(toDuplex(io)).pipe(process.stdout);
 * ```
 *
 * @param io a stream, open or still opening.
 * @returns the Duplex.
 * @throws TypeError if `io` is not an IOStream.
 * @see docs/guides/libraries.md for events, errors and half-close, {@link dialer} for new connections, {@link agent} for HTTP requests.
 */
export function toDuplex(io: IOStream): SocketDuplex {
  if (!(io instanceof IOStream)) throw new TypeError(`expected an IOStream for toDuplex, got ${typeof io}`);
  return hasTls(io) ? new SecureDuplex(io) : new IOStreamDuplex(io);
}
