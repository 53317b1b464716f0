import type { Observable } from 'rxjs';
import type { Persistent } from '../flow/persistent-types.ts';
import { ReconnectingStream } from '../flow/reconnecting-stream.ts';
import { inWords } from '../stream/bytes.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import { ownOptions } from '../wire/own-options.ts';
import type { Framed } from './framed.ts';
import { isObject, mistakenStream } from './misuse.ts';
import { RequestPipeline, type PipelineBase } from './request-pipeline.ts';

/** How {@link requests} finds the request that a message answers. */
export interface RequestsOptions<T, W> {
  /**
   * Returns the id of a request and that of its reply, which are compared as keys of a `Map`; `undefined` for a message that is
   * no reply. @default replies come in the order of the requests
   */
  readonly match?: ((message: T | W) => unknown) | undefined;
  /** How long a reply may take, in milliseconds, from the start of its request; 0 or Infinity = for ever. @default 30000 */
  readonly timeout?: number | undefined;
  /** How many requests may wait for their replies; in order also those that were given up. @default 10000 */
  readonly maxPending?: number | undefined;
}

/** Requests and their replies; see {@link requests}. */
export interface Requests<T, W = T> {
  /** Sends a request when it is subscribed, each time; emits its reply and completes. */
  readonly request: (message: W) => Observable<T>;
  /** Messages that answer no request: pushes of the peer, and late replies. Hot: without a subscriber they are dropped. Ends like the stream. */
  readonly unmatched$: Observable<T>;
  /** How many requests wait for their replies; in order also those that were given up. */
  readonly pending: number;
}

/** The part of a {@link Framed} that requests use. */
export type RequestMessages<T, W> = Pick<Framed<T, W, IOStream | Persistent>, 'io' | 'messages$' | 'write'>;

const NAMES = ['match', 'timeout', 'maxPending'] as const;
const DEFAULTS = { timeout: 30_000, maxPending: 10_000 };

/**
 * Pipelines requests over one connection: each gets its own reply, in order or by id.
 *
 * ```text
 *   request(a) ──▶ a ─┐                 ┌─ A ──▶ a's Observable
 *   request(b) ──▶ b ─┴─▶ write … read ─┴─ B ──▶ b's Observable
 * ```
 *
 * Reads `messages$` from the call on until the stream ends; others may watch. A request is written when its Observable is
 * subscribed. It errors
 *
 * - with ETIMEDOUT when its reply did not come within `timeout`, on the stream's scheduler. The stream goes on; the timeout does
 *   not keep the process alive.
 * - with the error of the stream when that fails, and with ECLOSED when it ends without a reply;
 * - unwritten, with EOUTBUFLIMIT while `maxPending` requests wait or the stream takes no more; with the error of its codec when it
 *   cannot be encoded; with EPROTOCOL when its id is that of a request that waits.
 *
 * An error of an unwritten request is that of its subscriber alone: the stream and the other requests go on.
 *
 * **What if a request is given up?** It timed out or was unsubscribed, but it was written all the same. By id: its id is free at
 * once, and may be used again, as `retry` does; the reply goes to the newest request with this id, and without one to
 * `unmatched$`. In order: it keeps its place in the line until its reply comes, which is dropped. A peer that leaves a reply out
 * puts all later ones out of step; close the stream when a timeout there means more than slowness.
 *
 * **What is a push?** Messages that answer nothing are in `unmatched$`. In order, a push that comes while a request waits cannot
 * be told from its reply: give `match`, or give `requests` a `framed` whose `messages$` are filtered.
 *
 * **Over a persistent stream** (`requests(framed(line, codec))`) it goes on with the next connection. No request is sent twice:
 * one whose message was written to a lost connection, wholly or in part, errors with the error of that connection, after all
 * replies that came before (ECLOSED, if it ended without an error). One whose message is kept (`unsent: 'keep'`) is sent by the next
 * connection, and gets its reply there. `retry` a request if sending it twice does no harm.
 *
 * An error of the stream that comes while no request is open, and that no other subscriber gets (`unmatched$`, `messages$`,
 * `errors$`, `cb`, `connect`, …), goes to RxJS's `config.onUnhandledError`; later requests get it, too. Only where operators stand
 * between the messages and `requests`, it counts as handled.
 *
 * Lossless for replies. Memory: `maxPending` requests.
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
 * @param framed the messages of a stream.
 * @throws TypeError for a wrong option, and for anything but framed messages.
 */
export function requests<T, W = T>(framed: RequestMessages<T, W>, options: RequestsOptions<T, W> = {}): Requests<T, W> {
  const { match, timeout = DEFAULTS.timeout, maxPending = DEFAULTS.maxPending } = ownOptions(options, 'requests', NAMES);
  if (match !== undefined && typeof match !== 'function') throw new TypeError(`expected \`match\` to be a function, got ${inWords(match)}`);
  if (!(typeof timeout === 'number' && timeout >= 0))
    throw new TypeError(`expected \`timeout\` to be milliseconds, 0 or Infinity for never, got ${inWords(timeout)}`);
  if (!(Number.isSafeInteger(maxPending) && maxPending > 0))
    throw new TypeError(`expected \`maxPending\` to be a number of requests, 1 or more, got ${inWords(maxPending)}`);
  return new RequestPipeline(framed, baseOf(framed), { match, timeout: timeout === 0 ? Infinity : timeout, maxPending });
}

function baseOf(framed: unknown): PipelineBase {
  if (isObject(framed) && 'messages$' in framed && typeof framed.write === 'function') {
    if (framed.io instanceof ReconnectingStream) return framed.io;
    if (framed.io instanceof IOStream) return coreOf(framed.io);
  }
  const isStream = framed instanceof IOStream || framed instanceof ReconnectingStream;
  const use = 'requests(framed(io, codec))';
  const got = isStream ? `got a stream; write ${use}` : (mistakenStream(framed, use) ?? `got ${inWords(framed)}; write ${use}`);
  throw new TypeError(`expected requests() to get what framed() returns, ${got}`);
}
