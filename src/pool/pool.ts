import type { IOStreamOptions, StreamOf } from '../stream/io-stream.ts';
import type { OptionsOf } from '../stream/stream-of.ts';
import { ConnectionPool } from './connection-pool.ts';
import { planPool } from './pool-plan.ts';
import type { Pool, PoolOptions } from './pool-types.ts';

/**
 * Creates a pool of connections, which are used one after the other.
 *
 * ```text
 *   use(a) ──▶ dial ─ open ─▶ a ─ values ─ complete ──▶ idle ──▶ use(b) … idleTimeout ──▶ closed
 *   use(c) ──▶ max are busy: waits in order ──▶ c ─ error, unsubscribe, unread or unsent bytes ──▶ closed
 * ```
 *
 * Connects when a use needs it. A connection has one use at a time. The one that was used last is used first.
 *
 * **Errors**
 * - A failed dial or `open` errors the use that has waited longest. Pipe `retry(backoff())` to try again.
 * - An idle connection that fails is discarded silently.
 * - For the errors of a use see {@link Pool.use}.
 *
 * **Closing**
 * - A connection returns only if the handler completed, the stream is open both ways, nothing is unread (in `inBuf`, or in a `framed`
 *   of the handler or the session) and nothing unsent. Otherwise it is closed, or reset if data would be cut.
 * - An idle connection is closed after `idleTimeout`, and when bytes or a FIN arrive.
 * - Idle connections do not keep the process alive. Uses do.
 *
 * **Backpressure**
 * - At most `max` uses are active. The others wait, for up to `waitTimeout`.
 *
 * **Memory**
 * - `max` connections, as many that are closing, and `maxWaiting` uses.
 *
 * ```ts
 * import { framed, lines, pool, requests } from 'rxjs-io-stream';
 * import { of } from 'rxjs';
 *
 * const echo = pool({
 *   connect: { host: '127.0.0.1', port: 7 },
 *   max: 4,
 *   open: (io) => of(requests(framed(io, lines({ maxLength: 1024 })))),
 * });
 * echo.use((_io, { request }) => request('hello')).subscribe({ next: console.log, error: console.error });
 * ```
 *
 * @param options what to connect to, the limits, and the functions that open and validate a connection.
 * @returns the pool. Nothing is dialled before the first use.
 * @throws TypeError for a wrong option. If a function returned it, the use errors instead.
 * @see docs/guides/pooling.md for logins, transactions and error replies, {@link persistent} for one connection that comes back.
 */
export function pool<O extends object, T = undefined>(
  options: PoolOptions<O, T, () => OptionsOf<O, IOStreamOptions<StreamOf<O>>>>,
): Pool<StreamOf<O>, T>;
export function pool<O extends object, T = undefined>(
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- a union of the two infers nothing
  options: PoolOptions<O, T, OptionsOf<O, IOStreamOptions<StreamOf<O>>>>,
): Pool<StreamOf<O>, T>;
export function pool(options: PoolOptions<object, unknown>): unknown {
  return new ConnectionPool(planPool(options));
}
