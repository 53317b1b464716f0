import type { Observable } from 'rxjs';
import { describeMistakenStream } from '../framed/describe-mistaken-stream.ts';
import type { Framed } from '../framed/framed.ts';
import type { Persistent } from '../../reconnect/persistent-types.ts';
import { ReconnectingStream } from '../../reconnect/reconnecting-stream.ts';
import { IOStream } from '../../stream/io-stream.ts';
import type { Connection } from '../../stream/connection.ts';
import { nextReader, registerReadAhead } from '../../stream/read-ahead.ts';
import { internalsOf } from '../../stream/stream-fields.ts';
import { describeValue } from '../../util/describe.ts';
import { isObject } from '../../util/value-tests.ts';
import { ownOptions } from '../../util/own-options.ts';
import { RequestPipeline, type PipelineBase } from './request-pipeline.ts';

/** Options of {@link requests}. */
export interface RequestsOptions<T, W> {
  /**
   * Returns the id of a request, and the same id for its reply. Ids are compared as keys of a `Map`. Returns `undefined` for a
   * message that is no reply. @default replies arrive in the order of the requests
   */
  readonly match?: ((message: T | W) => unknown) | undefined;
  /** Time limit of a reply in milliseconds, from the start of its request. 0 or Infinity turns it off. @default 30000 */
  readonly timeout?: number | undefined;
  /** Maximum number of requests without a reply. In order, abandoned requests count too. @default 10000 */
  readonly maxPending?: number | undefined;
}

/** Sends requests and emits their replies. See {@link requests}. */
export interface Requests<T, W = T> {
  /**
   * Returns an Observable that writes the request at each subscription, emits its reply and completes.
   *
   * **Errors**
   * - ETIMEDOUT without a reply within `timeout`, on the stream's scheduler. The stream stays open.
   * - The error of the stream if that fails. ECLOSED if the stream ends without a reply.
   * - EOUTBUFLIMIT, unwritten, while `maxPending` requests have no reply, or the stream accepts no more.
   * - The error of the codec, unwritten, if the message cannot be encoded.
   * - EPROTOCOL, unwritten, if a pending request has the same id.
   *
   * The error of an unwritten request reaches only its subscriber: the stream and the other requests continue.
   *
   * **Closing**: a request that times out or is unsubscribed is abandoned, but has been written.
   * - By id: its id may be used again at once, as `retry` does. A later reply goes to the newest request with this id, otherwise to
   *   `unmatched$`.
   * - In order: it keeps its place until its reply arrives, which is dropped. If the peer omits a reply, all later replies go to
   *   wrong requests. Close the stream if a timeout can mean that.
   */
  readonly request: (message: W) => Observable<T>;
  /**
   * Messages that answer no request: pushes of the peer, and late replies. Hot: dropped without a subscriber. Completes or errors as
   * the stream does.
   */
  readonly unmatched$: Observable<T>;
  /** Number of requests without a reply. In order, abandoned requests count too. */
  readonly pending: number;
}

/** The part of a {@link Framed} that requests use. */
export type RequestMessages<T, W> = Pick<Framed<T, W, IOStream | Persistent>, 'io' | 'messages$' | 'write'>;

const NAMES = ['match', 'timeout', 'maxPending'] as const;
const DEFAULTS = { timeout: 30_000, maxPending: 10_000 };

/**
 * Pipelines requests over one connection, and matches each reply to its request, in order or by id.
 *
 * ```text
 *   request(a) ──▶ a ─┐                 ┌─ A ──▶ a's Observable
 *   request(b) ──▶ b ─┴─▶ write … read ─┴─ B ──▶ b's Observable
 * ```
 *
 * Reads `messages$` from the call on until the stream ends. In order, a push during a pending request is mistaken for its reply: pass
 * `match`.
 *
 * **Errors**
 * - For the errors of a request see {@link Requests.request}.
 * - An error of the stream without a pending request goes to its other subscribers, or else to RxJS's `config.onUnhandledError`.
 *   Later requests get it, too.
 *
 * **Closing**
 * - The timeout of a request does not keep the process alive.
 * - Over a persistent stream (`requests(framed(line, codec))`), requests continue on the next connection. None is sent twice: one
 *   that was written, even in part, to a lost connection errors.
 *
 * **Backpressure**
 * - Lossless for replies.
 *
 * **Memory**
 * - `maxPending` requests.
 *
 * ```ts
 * import { connect, framed, ndjson, requests } from 'rxjs-io-stream';
 * import { forkJoin, switchMap } from 'rxjs';
 *
 * interface Call { readonly id: number; readonly method?: string; readonly result?: unknown }
 *
 * connect({ host: '127.0.0.1', port: 4000 })
 *   .pipe(
 *     switchMap((io) => {
 *       const { request } = requests(framed(io, ndjson<Call>({ maxLength: 65_536 })), { match: ({ id }) => id, timeout: 5000 });
 *       return forkJoin([request({ id: 1, method: 'now' }), request({ id: 2, method: 'uptime' })]);
 *     }),
 *   )
 *   .subscribe(console.log);
 * ```
 *
 * @param framed the messages of a stream, as returned by `framed`.
 * @param options how to match replies, the timeout in milliseconds and the limit.
 * @returns the function that sends requests, and the unmatched messages.
 * @throws TypeError for a wrong option, and if `framed` is anything but framed messages.
 * @see docs/guides/messages.md for pushes and lost connections, `framed`
 */
export function requests<T, W = T>(framed: RequestMessages<T, W>, options: RequestsOptions<T, W> = {}): Requests<T, W> {
  const { match, timeout = DEFAULTS.timeout, maxPending = DEFAULTS.maxPending } = ownOptions(options, 'requests', NAMES);
  if (match !== undefined && typeof match !== 'function')
    throw new TypeError(`expected \`match\` to be a function, got ${describeValue(match)}`);
  if (!(typeof timeout === 'number' && timeout >= 0))
    throw new TypeError(`expected \`timeout\` to be milliseconds, 0 or Infinity for never, got ${describeValue(timeout)}`);
  if (!(Number.isSafeInteger(maxPending) && maxPending > 0))
    throw new TypeError(`expected \`maxPending\` to be a number of requests, 1 or more, got ${describeValue(maxPending)}`);
  const pipeline = new RequestPipeline(framed, streamBelow(framed), { match, timeout: timeout === 0 ? Infinity : timeout, maxPending });
  // A reply that is still due belongs to this reader, as unread bytes do. But it has not arrived: nothing is buffered.
  const { io } = framed;
  if (io instanceof IOStream)
    registerReadAhead(io, { number: nextReader(), hasUnread: () => false, endInput: () => due(pipeline.pending) });
  return pipeline;
}

function due(pending: number): string | undefined {
  return pending > 0 ? `${pending} repl${pending === 1 ? 'y' : 'ies'} to earlier requests` : undefined;
}

function streamBelow(framed: unknown): PipelineBase {
  if (isObject(framed) && 'messages$' in framed && typeof framed.write === 'function') {
    if (framed.io instanceof ReconnectingStream) return framed.io;
    if (framed.io instanceof IOStream) return streamBase(internalsOf(framed.io));
  }
  const isStream = framed instanceof IOStream || framed instanceof ReconnectingStream;
  const use = 'requests(framed(io, codec))';
  const got = isStream
    ? `got a stream; write ${use}`
    : (describeMistakenStream(framed, use) ?? `got ${describeValue(framed)}; write ${use}`);
  throw new TypeError(`expected requests() to get what framed() returns, ${got}`);
}

function streamBase({ settings, errors }: Connection): PipelineBase {
  return {
    scheduler: settings.scheduler,
    report: (error, isHandled) => errors.report(error, isHandled),
    errorHandled: () => errors.markHandled(),
    takeError: () => errors.takeUnhandled(),
  };
}
