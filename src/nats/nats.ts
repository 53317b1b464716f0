import { MessageConnection } from '../messages/message-connection.ts';
import { direct } from '../wire/direct.ts';
import type { Wire } from '../wire/signal.ts';
import { linkOf } from './broker-link.ts';
import { NatsChannel } from './nats-channel.ts';
import { checkNatsOptions, type NatsOptions } from './nats-options.ts';

/**
 * Creates a wire through NATS to one of the processes that listen on a subject with {@link natsListen}.
 *
 * ```text
 *   dial ──▶ request to `subject` ──▶ one process of the queue group
 *   data, end ──▶ numbered frames ──▶ private subject of that process
 *   data, end ◀── in order, or EGAP ◀ private subject of ours
 *      credit ◀── read by the peer ◀────── private subject of ours
 * ```
 *
 * Messages may be lost where a server ends or a route is cut. The stream then fails by name; it is never silently cut short.
 *
 * **Errors**
 * - ECONNREFUSED: no process listens on the subject, or it has refused. ETOCONNECT: no answer within `timeouts.connect`.
 * - EGAP: messages were lost or out of order. ETIMEDOUT: two pings without an answer.
 * - ECONNRESET: the peer was reset or is gone, or the connection to NATS was closed.
 * - EACCES: the server does not permit the subject, or inboxes.
 *
 * **Closing**
 * - Completes when each end has read the other one's end. Unsubscribes from its subject at every end. `connection` stays open.
 *
 * **Backpressure**
 * - By credit: at most `window` bytes are on their way. Nothing is sent while `connection` reconnects.
 *
 * **Memory**
 * - At most `window` unread bytes.
 *
 * ```ts
 * import { connect as connectNats } from '@nats-io/transport-node';
 * import { connect } from 'rxjs-io-stream';
 * import { nats } from 'rxjs-io-stream/nats';
 *
 * const connection = await connectNats({ servers: '127.0.0.1:4222' });
 * connect({ wire: nats({ connection, subject: 'echo' }) }, (io) => io.send(['hello'])).subscribe({ error: console.error });
 * ```
 *
 * @param options the `connection` and the `subject`; `window` in bytes (262144), `keepAlive`.
 * @returns a wire, for any number of connections.
 * @throws TypeError for a wrong option.
 * @see {@link natsListen}, docs/guides/nats.md
 */
export function nats(options: NatsOptions): Wire {
  const { connection, subject, settings } = checkNatsOptions(options);
  const link = linkOf(connection);
  return (dial) =>
    direct((up) => new MessageConnection(dial, up, settings(subject, 'remoteAddress'), () => new NatsChannel(link, subject)));
}
