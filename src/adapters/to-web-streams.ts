import { noop } from 'rxjs';
import { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { describeValue } from '../util/describe.ts';
import { hostAndPort } from '../util/host.ts';
import { bytesOf } from '../util/plain-view.ts';
import { closedForWriting, StreamByteSink } from './stream-byte-sink.ts';
import { StreamByteSource } from './stream-byte-source.ts';
import type { ByteReadable, ByteWritable, StreamClasses } from './web-stream-types.ts';

/** What `opened` of {@link WebStreams} resolves with, as in the draft of the WinterTC sockets API. */
export interface WebStreamsInfo {
  /** The other end, such as `192.0.2.1:443` or `[2001:db8::1]:443`; null if it has no address. */
  readonly remoteAddress: string | null;
  /** Our end; null if it has no address. */
  readonly localAddress: string | null;
  /** The protocol that TLS negotiated; null without one. */
  readonly alpn: string | null;
}

/** A connection as {@link toWebStreams} returns it. */
export interface WebStreams {
  /** Emits the received bytes. A byte stream: `getReader({ mode: 'byob' })` works. */
  readonly readable: ByteReadable;
  /** Sends bytes: an `ArrayBuffer`, a view, or a string as UTF-8. */
  readonly writable: ByteWritable;
  /** Resolves when the connection is open. Rejects if it fails before. */
  readonly opened: Promise<WebStreamsInfo>;
  /** Resolves when the connection is closed. Rejects with a fatal error. */
  readonly closed: Promise<void>;
  /** Closes the connection, as `io.close()`; with a reason, resets it. Returns `closed`. */
  readonly close: (reason?: unknown) => Promise<void>;
}

/**
 * Wraps a connection in the streams of the Web, in the shape of a WinterTC socket: for `pipeTo`, `pipeThrough`, `Response` and
 * libraries that take streams.
 *
 * ```text
 *   writer.write ──▶ send ──▶ plugins ──▶ wire        the Promise of write: its bytes are sent
 *   reader.read ◀── iteration ◀── plugins ◀── wire    reads one chunk at a time
 *   writer.close ──▶ io.end()         done ◀── the peer's FIN
 *   writer.abort ──▶ reset            reader.cancel: discards what arrives
 * ```
 *
 * The streams are the only reader of the connection from now on.
 *
 * **Errors**
 * - Both streams and `closed` fail with the `IOStreamError`, after all bytes read before it. Before the connection is open, `opened`, too.
 * - A chunk that is neither bytes nor text resets the connection.
 * - The Promises count as handled: a rejection that nothing awaits is no unhandled one.
 *
 * **Closing**
 * - Has the `allowHalfOpen` of the stream: without it, our direction ends after the peer's.
 * - `cancel` leaves the other direction open. `abort` resets both.
 *
 * **Backpressure**
 * - In both directions. `desiredSize` counts bytes, up to `highWaterMark` of the stream. Of text it counts the UTF-16 units, each of
 *   which has 1 to 3 bytes.
 *
 * **Memory**
 * - Received bytes are copied once, into the buffer of a BYOB reader or a new one.
 *
 * ```ts
 * import { open, toWebStreams } from 'rxjs-io-stream';
 *
 * const io = await open({ host: '127.0.0.1', port: 7 });
 * const { readable, writable } = toWebStreams(io);
 * await readable.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: (text) => console.log(text) }));
 * await writable.close();
 * ```
 *
 * @param io a stream, open or still opening.
 * @returns two streams and two Promises.
 * @throws TypeError if `io` is not an IOStream.
 * @see docs/guides/web-streams.md, {@link webStreams} for the other direction.
 */
export function toWebStreams(io: IOStream): WebStreams {
  if (!(io instanceof IOStream)) throw new TypeError(`expected an IOStream for toWebStreams, got ${describeValue(io)}`);
  const { ReadableStream, WritableStream } = globalThis as unknown as StreamClasses;
  const source = new StreamByteSource(io);
  const sink = new StreamByteSink(io);
  const { lifetime, settings, closing } = internalsOf(io);
  const readable = new ReadableStream(source, { highWaterMark: 0 });
  const writable = new WritableStream(sink, { highWaterMark: settings.highWaterMark, size: sizeOf });
  const closed = new Promise<void>((resolve, reject) => {
    io.closed$.subscribe(({ by, error }) => {
      if (by === 'error') reject(asError(error));
      else resolve();
      sink.fail(asError(error));
    });
  });
  const opened = new Promise<WebStreamsInfo>((resolve, reject) => {
    if (lifetime.wasConnected) resolve(infoOf(io));
    else lifetime.opened$.subscribe(() => resolve(infoOf(io)));
    io.closed$.subscribe(({ error }) => reject(asError(error)));
  });
  // The owner has unsubscribed: readers of the stream get no end.
  lifetime.closing$.subscribe(({ unsubscribed }) => {
    if (unsubscribed) source.fail(closedForWriting());
  });
  for (const promise of [opened, closed]) promise.catch(noop);
  const close = (reason?: unknown): Promise<void> => {
    if (reason === undefined) io.close();
    else closing.reset(reason);
    return closed;
  };
  return { readable, writable, opened, closed, close };
}

/**
 * Returns what a chunk counts. If this threw, or returned no number, the `WritableStream` would fail without a call of its sink, and
 * the connection would stay open. The sink rejects wrong chunks.
 */
function sizeOf(chunk: unknown): number {
  return typeof chunk === 'string' ? chunk.length : (bytesOf(chunk)?.length ?? 1);
}

/** The error of a closed stream, or that of a stream that was closed in order. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : closedForWriting(error);
}

function infoOf(io: IOStream): WebStreamsInfo {
  const alpn = Object.values(io.details).map(({ alpnProtocol }) => alpnProtocol);
  return {
    remoteAddress: placeOf(io.remoteAddress, io.remotePort),
    localAddress: placeOf(io.localAddress, io.localPort),
    alpn: alpn.find((name): name is string => typeof name === 'string') ?? null,
  };
}

function placeOf(address: string | undefined, port: number | undefined): string | null {
  if (address === undefined) return null;
  return port === undefined ? address : hostAndPort(address, port);
}
