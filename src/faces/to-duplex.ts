import { IOStream } from '../stream/io-stream.ts';
import { IOStreamDuplex } from './io-stream-duplex.ts';
import { hasTls, SecureDuplex } from './secure-duplex.ts';
import type { SocketDuplex } from './socket-duplex.ts';

/**
 * Makes a `Duplex` of a connection, for libraries that want a socket: `ws`, database clients, `http2.connect({ createConnection })`.
 *
 * ```text
 *   library ── write ──▶ send ──▶ plugins ──▶ wire       the write's callback: its bytes are sent
 *   library ◀── read ─── consume ◀── plugins ◀── wire    reads no faster than the library reads
 *   library ── end ────▶ io.end()      library ◀── 'end' ── the peer's FIN
 * ```
 *
 * The Duplex has the members and events of `net.Socket` that libraries use, and with `tlsClient` or `tlsServer` as the topmost
 * plugin with facts also those of `tls.TLSSocket`. It is `'connect'`ed when all plugins are, but for a TLS that is the topmost: that one
 * is `'secureConnect'`, as in Node. What is written before is queued. `connect()` opens nothing, whatever it is called with: it answers by `'connect'` when the stream is open, also when it
 * was opened before. From now on the Duplex is the only reader of the stream.
 *
 * **Errors**: an error of the stream destroys the Duplex (`'error'` once, then `'close'`), after all bytes that were read before it.
 * It has Node's own code (`ENOTFOUND`, `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …) and the `IOStreamError` in `cause`; for what Node has no
 * code (`EPROXY`, …) it is the `IOStreamError`.
 *
 * **Closing**: `destroy()` frees the connection at once and receives nothing more: by FIN when all that was written is sent,
 * otherwise, and with an error, by RST. After `end()` the farewell of the plugins (close_notify) is still sent. `allowHalfOpen` of the
 * stream is that of the Duplex: false (the default without `waitFor`) ends it after `'end'`. A stream that you close yourself ends
 * the Duplex.
 *
 * **Backpressure**: both ways; at most `highWaterMark` bytes are read ahead. **Memory**: holds at most `highWaterMark` bytes each way
 * and what the library writes without waiting.
 *
 * ```ts
 * import { open, toDuplex } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 7 });
 * process.stdin.pipe(toDuplex(io)).pipe(process.stdout);
 * ```
 *
 * @throws TypeError for what is no IOStream.
 * @see agent
 */
export function toDuplex(io: IOStream): SocketDuplex {
  if (!(io instanceof IOStream)) throw new TypeError(`expected an IOStream for toDuplex, got ${typeof io}`);
  return hasTls(io) ? new SecureDuplex(io) : new IOStreamDuplex(io);
}
