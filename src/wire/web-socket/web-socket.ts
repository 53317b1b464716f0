import { describeWithType } from '../../util/describe.ts';
import { isObject } from '../../util/value-tests.ts';
import { direct } from '../direct.ts';
import type { Dial, Wire } from '../signal.ts';
import { judgeUrl } from './judge-url.ts';
import { notNew, WebSocketConnection } from './web-socket-connection.ts';
import type { WebSocketConstructor, WebSocketLike } from './web-socket-like.ts';
import { webSocketSettings, type WebSocketOptions, type WebSocketSettings } from './web-socket-options.ts';

/** Where a connection of `webSocket` goes. */
export type WebSocketTarget = string | { readonly href: string } | WebSocketLike;

/**
 * Creates a wire over a WebSocket: the bytes of its messages, text or binary. Boundaries of messages are not kept; a codec makes
 * messages of the bytes.
 *
 * ```text
 *   data ──▶ send (up to 64 KiB a frame)        sent ◀── bufferedAmount
 *   data ◀── message, binary or text (UTF-8)
 *   end ───▶ close(1000) behind all bytes       end ◀─── close frame with 1000, 1001 or no code
 *   reset ─▶ terminate(), or close(4000)        error ◀─ any other code, and 1006: no close frame
 * ```
 *
 * Dials a URL at each subscription. A socket that exists (accepted by `ws`, or open) is used once: subscribe it in the turn in which
 * you get it, because its messages are not kept before. `io.fh` is the WebSocket.
 *
 * **Errors**
 * - ETOCONNECT: not open within `timeouts.connect`. ECONNABORTED, or the code of the runtime: it could not be opened.
 * - ECONNRESET: closed with another code, which is in `closeCode` and `closeReason`. EPIPE: closed before all bytes were sent.
 * - EINBUFLIMIT: over `inBufLimit`. EILSEQ: no UTF-8 for `sendAs: 'text'`.
 *
 * **Closing**
 * - WebSocket has no half-close: `end` closes both directions. Browsers then drop messages on their way to you. `halfClose` at both
 *   ends gives each direction an end of its own.
 *
 * **Backpressure**
 * - Outbound by `highWaterMark`. Inbound: sockets of `ws` stop reading, those of browsers cannot.
 *
 * **Memory**
 * - At most `inBufLimit` bytes while paused.
 *
 * ```ts
 * import { connect, framed, lines, webSocket } from 'rxjs-io-stream';
 *
 * connect({ wire: webSocket('wss://example.com/chat') }, (io) => framed(io, lines({ maxLength: 1024 })).messages$).subscribe(console.log);
 * ```
 *
 * @param target a URL, a WebSocket, or a function that returns either for each connection.
 * @param options subprotocols, kind of frames, limits.
 * @throws TypeError for a wrong argument.
 * @see docs/guides/web-sockets.md
 */
export function webSocket(target: WebSocketTarget | (() => WebSocketTarget), options: WebSocketOptions = {}): Wire {
  if (typeof target !== 'function') checkTarget(target);
  const settings = webSocketSettings(options);
  let isUsed = false;
  const socketOf = (dial: Dial): WebSocketLike => {
    const given = typeof target === 'function' ? target() : target;
    checkTarget(given);
    if (typeof given === 'string' || 'href' in given) return dialUrl(given, dial, settings);
    if (typeof target !== 'function' && isUsed) throw notNew('EALREADY', -114, 'used');
    isUsed = true;
    return given;
  };
  return (dial) => direct((up) => new WebSocketConnection(dial, up, settings, socketOf));
}

function checkTarget(target: unknown): void {
  if (typeof target === 'string' || (isObject(target) && ('href' in target || 'readyState' in target))) return;
  throw wrongTarget(describeWithType(target));
}

function dialUrl(url: string | { readonly href: string }, { guard }: Dial, { WebSocketCtor, protocols }: WebSocketSettings): WebSocketLike {
  const href = typeof url === 'string' ? url : url.href;
  const Ctor = WebSocketCtor ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (!Ctor) throw new TypeError('expected a global WebSocket, which this runtime does not have; set `WebSocketCtor`, such as that of ws');
  judgeUrl(guard, href);
  try {
    return new Ctor(href as never, protocols as never);
  } catch (error) {
    // A wrong URL, or wrong `protocols`. The message of the runtime may have the URL, and that a token.
    throw (error as { name?: unknown } | null)?.name === 'SyntaxError'
      ? wrongTarget(`${describeWithType(href)} that is not such a URL, or wrong \`protocols\``)
      : error;
  }
}

function wrongTarget(got: string): TypeError {
  const expected = 'a URL such as wss://example.com/chat without `#`, a WebSocket, or a function that returns one';
  return new TypeError(`expected webSocket to get ${expected}; got ${got}`);
}
