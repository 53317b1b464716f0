import { describeWithType } from '../util/describe.ts';
import { isObject } from '../util/value-tests.ts';
import { direct } from '../wire/direct.ts';
import type { Wire } from '../wire/signal.ts';
import type { ChannelEnd, OpenChannel } from './channel-port.ts';
import { MessageConnection } from './message-connection.ts';
import { usedTwice } from './message-errors.ts';
import { messageSettings, type OverMessagesOptions } from './message-options.ts';

/**
 * Creates a wire over a channel of messages: a `MessagePort`, `process.send`, a WebSocket, a broker. Both ends of the channel use it,
 * in any order. Boundaries of messages are not kept.
 *
 * ```text
 *   data, end ──▶ DATA, END at a position ──▶ send(message)
 *   data, end ◀── in order, or EGAP ◀──────── messages$
 *        sent ◀── `send` was called with the bytes
 *      credit ◀── read by the other end ◀──── messages$
 *   message: version 1 │ type │ 0 0 │ from │ to │ window │ position │ read │ bytes       (32 + n bytes)
 * ```
 *
 * Connected as soon as both ends know each other. Until then, each repeats a PING; messages that nothing reads may be lost.
 *
 * **Errors**
 * - EGAP: messages were lost or out of order. Duplicates are dropped.
 * - ETIMEDOUT: two pings without an answer. ETOCONNECT: no other end.
 * - ECONNRESET: the other end was reset, or the channel closed. EPROTOCOL: a malformed message.
 *
 * **Closing**
 * - Completes when each end has read the other one's end. Calls `close` of the channel at every end.
 *
 * **Backpressure**
 * - By credit: at most `window` bytes are on their way. The application is paused while bytes wait for credit.
 *
 * **Memory**
 * - At most `window` unread bytes.
 *
 * ```ts
 * import { MessageChannel, type MessagePort } from 'node:worker_threads';
 * import { fromEvent, map } from 'rxjs';
 * import { connect, overMessages } from 'rxjs-io-stream';
 *
 * const { port1, port2 } = new MessageChannel();
 * const over = (port: MessagePort) => overMessages({
 *   send: (message) => port.postMessage(message),
 *   messages$: fromEvent<MessageEvent>(port, 'message').pipe(map(({ data }) => data)),
 *   close: () => port.close(),
 * });
 * connect({ wire: over(port1) }, (io) => io.data$).subscribe(console.log);
 * connect({ wire: over(port2) }, (io) => io.send(['hello'])).subscribe();
 * ```
 *
 * @param channel the channel, for one connection; or a function that returns one for each, or a Promise.
 * @param options `window` in bytes (262144), `maxMessage` in bytes (65536), `keepAlive`.
 * @throws TypeError for a wrong argument.
 * @see docs/guides/over-messages.md
 */
export function overMessages(channel: ChannelEnd | OpenChannel, options: OverMessagesOptions = {}): Wire {
  const open = typeof channel === 'function' ? () => checked(channel()) : once(checkedEnd(channel));
  const settings = messageSettings(options);
  return (dial) => direct((up) => new MessageConnection(dial, up, settings, open));
}

/** A channel that exists carries one connection. */
function once(channel: ChannelEnd): OpenChannel {
  let isUsed = false;
  return () => {
    if (isUsed) throw usedTwice();
    isUsed = true;
    return channel;
  };
}

function checked(channel: ReturnType<OpenChannel>): ReturnType<OpenChannel> {
  return isObject(channel) && typeof channel.then === 'function'
    ? (channel as PromiseLike<ChannelEnd>).then(checkedEnd)
    : checkedEnd(channel);
}

/** Keeps the object itself: its methods may need it. */
function checkedEnd(channel: unknown): ChannelEnd {
  if (isObject(channel) && typeof channel.send === 'function' && isObject(channel.messages$)) return channel as unknown as ChannelEnd;
  throw new TypeError(
    `expected overMessages to get { send, messages$, close? } or a function that returns it, got ${describeWithType(channel)}`,
  );
}
