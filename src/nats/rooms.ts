import { describeWithType } from '../util/describe.ts';
import { isObject } from '../util/value-tests.ts';
import { JetStreamLog } from './jetstream-log.ts';
import type { NatsConnection } from './nats-connection.ts';
import { planRooms } from './rooms-plan.ts';
import { roomsOverLog } from './rooms-over-log.ts';
import type { Rooms, RoomsOptions } from './rooms-types.ts';

/**
 * Creates rooms over a stream of JetStream: what a node publishes reaches the members on all nodes, and is kept for those who come back.
 *
 * ```text
 *   publish('lobby', …) ──▶ rooms.lobby ──▶ stream ROOMS ──▶ one consumer of each node ──▶ members
 *                       ◀── stored: 43                 ◀──── after 17: history ────────── join('lobby', { after: 17 })
 *   join: joined 17 │ 18 │ 25 │ gap 25 to 31 │ 31 …
 * ```
 *
 * Needs `@nats-io/jetstream`. Creates the stream if it does not exist.
 *
 * **Errors**
 * - ECONNRESET: the connection is closed. EPROTO: the broker refused. An unreachable broker is no error.
 * - What `deliver` errors with.
 *
 * **Closing**
 * - Unsubscribing leaves the room. The consumer ends with the last member of this node.
 *
 * **Backpressure**
 * - `deliver` gets one event at a time. A slow member reads the history at its own pace, and gets a gap if it was removed.
 *
 * **Memory**
 * - At most `buffer` for each slow member, and `maxPending` of unconfirmed messages.
 *
 * ```ts
 * import { connect } from '@nats-io/transport-node';
 * import { rooms } from 'rxjs-io-stream/nats';
 *
 * const chat = rooms(await connect({ servers: '127.0.0.1:4222' }));
 * chat.join('lobby').subscribe((event) => {
 *   if (event.kind === 'message') console.log(event.sequence, new TextDecoder().decode(event.data));
 * });
 * await chat.publish('lobby', 'hello');
 * ```
 *
 * @param connection the connection. It stays open.
 * @param options `stream` ('ROOMS'), `subject` ('rooms'), `history` in messages (1000), `maxAge` in milliseconds (3600000), …
 * @throws TypeError for a wrong argument.
 * @see docs/guides/nats-rooms.md, {@link memoryRooms}
 */
export function rooms(connection: NatsConnection, options: RoomsOptions = {}): Rooms {
  if (!isObject(connection) || typeof (connection as unknown as Record<string, unknown>).request !== 'function')
    throw new TypeError(`expected rooms to get a connection of NATS, got ${describeWithType(connection)}`);
  const plan = planRooms(options);
  return roomsOverLog(new JetStreamLog(connection, plan), plan.buffer);
}
