import { Observable } from 'rxjs';
import { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { describeValue } from '../util/describe.ts';
import type { RelayProgress } from './relay-progress.ts';
import { RelaySubscription } from './relay-subscription.ts';

/**
 * Joins two streams: forwards bytes in both directions until both have ended.
 *
 * ```text
 *   peer A ══▶ a ── bytes, then the end ──▶ b ══▶ peer B
 *   peer A ◀══ a ◀── bytes, then the end ── b ◀══ peer B        { aToB, bToA } ──▶ you
 * ```
 *
 * Emits `{ aToB, bToA }`: zeros on subscribe, then whenever bytes have been sent. Cold; the streams may still be opening.
 *
 * **Errors**
 * - When one side fails, forwards the bytes read before. Then resets the other side (RST), so that truncated data never looks
 *   complete. Errors with a {@link RelayError} for the side that failed first.
 * - If you close, reset or abort one stream: resets both, and errors with ECLOSED or the abort reason.
 * - If a stream has a `consume` or iteration: errors with a TypeError, and leaves both as they are.
 *
 * **Closing**
 * - Forwards the end of one side after its last byte. The other direction continues, also without `allowHalfOpen`.
 * - Completes when both streams have ended and closed. Unsubscribing earlier resets both.
 * - Set `allowHalfOpen: true` for a stream that is open before the relay starts.
 *
 * **Backpressure**
 * - A slow side pauses the other, without a time limit.
 *
 * **Memory**
 * - A few times `highWaterMark` in each direction.
 *
 * ```ts
 * import { connect, listen, relay } from 'rxjs-io-stream';
 * import { switchMap } from 'rxjs';
 *
 * // A port forwarder. A connection that cannot be forwarded is reset, and `server.errors$` emits why.
 * const to = { host: '127.0.0.1', port: 80 };
 * listen({ host: '127.0.0.1', port: 8080, allowHalfOpen: true }, (io) => connect(to, (other) => relay(io, other)))
 *   .pipe(switchMap((server) => server.errors$))
 *   .subscribe(console.error);
 * ```
 *
 * @param a the first stream. The order only determines the names `aToB`, `bToA` and `side`.
 * @param b the second stream.
 * @returns the progress; subscribing starts the relay.
 * @throws TypeError unless `a` and `b` are two different streams.
 * @see docs/guides/relay.md, {@link connect} for the second connection of a forwarder.
 */
export function relay(a: IOStream, b: IOStream): Observable<RelayProgress> {
  checkStream('a', a);
  checkStream('b', b);
  if (a === b) throw new TypeError('expected two streams to relay between, got the same one twice; `io.send(io)` is an echo');
  return new Observable((subscriber) => new RelaySubscription(internalsOf(a), internalsOf(b), subscriber).start());
}

function checkStream(name: string, io: unknown): void {
  if (!(io instanceof IOStream)) throw new TypeError(`expected \`${name}\` to be an IOStream, got ${describeValue(io)}`);
}
