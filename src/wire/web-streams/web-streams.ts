import { describeValue } from '../../util/describe.ts';
import { direct } from '../direct.ts';
import type { Wire } from '../signal.ts';
import { WebStreamsConnection } from './web-streams-connection.ts';
import type { WebStreamsSocket } from './web-streams-socket.ts';

/**
 * Creates a wire over anything with a `readable` and a `writable` of the Web: sockets of WinterTC's `connect()`, `Deno.Conn`, a
 * bidirectional stream of WebTransport, a serial port, Direct Sockets, a pair of `TransformStream`s.
 *
 * ```text
 *   data ──▶ writer.write ──▶ sent           end ──▶ writer.close, or closeWrite
 *   data ◀── reader.read, while not paused   end ◀── done
 *   reset ──▶ writer.abort + reader.cancel, with the reason
 * ```
 *
 * Calls `open` at each subscription. The connection is open when `opened` resolves, at once without it. `io.fh` has the addresses, as
 * far as the runtime knows them, and the socket.
 *
 * **Errors**
 * - ETOCONNECT: not open within `timeouts.connect`.
 * - An error of the streams keeps its `code` and is the `cause`. Without a code: ECONNABORTED before `connected`, then ECONNRESET.
 * - If our direction fails, the bytes that are still readable are emitted first, for up to `timeouts.close`.
 * - EPROTOCOL: a chunk is no bytes, or the socket is wrong. No retry of this package repeats the second.
 *
 * **Closing**
 * - Each direction ends by itself, as far as the socket can: pass `allowHalfOpen: true` to WinterTC's `connect`.
 * - Unsubscribing aborts, cancels, releases both locks and calls `close`.
 *
 * **Backpressure**
 * - Reads nothing while paused, except for one pending read.
 * - Pauses the application at 64 KiB of unsent bytes. `sent` when the promise of `write` resolves.
 *
 * **Memory**
 * - Keeps no copy. The queues are those of the streams.
 *
 * ```ts
 * import { connect, webStreams } from 'rxjs-io-stream';
 *
 * declare const Deno: { connect(to: { hostname: string; port: number }): Promise<{ readable: ReadableStream; writable: WritableStream }> };
 * const wire = webStreams(() => Deno.connect({ hostname: '127.0.0.1', port: 7 }));
 * export const bytes$ = connect({ wire }, (io) => io.data$);
 * ```
 *
 * @param open returns a new socket, or a Promise of one. Called at each subscription.
 * @throws TypeError if `open` is not a function.
 * @see docs/guides/web-streams.md, {@link toWebStreams} for the other direction.
 */
export function webStreams(open: () => WebStreamsSocket | PromiseLike<WebStreamsSocket>): Wire {
  if (typeof open !== 'function')
    throw new TypeError(`expected webStreams to get a function that opens a socket, got ${describeValue(open)}; pass () => socket`);
  return (dial) => direct((up) => new WebStreamsConnection(dial, up, open));
}
