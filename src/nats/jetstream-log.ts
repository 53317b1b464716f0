import type { Unsubscribable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { realTime } from '../util/real-time.ts';
import { ATTEMPT_TIMEOUT, isFinal, JetStreamAccess, type OpenedStream } from './jetstream-client.ts';
import { ID_HEADER, JetStreamFeed } from './jetstream-feed.ts';
import type { NatsConnection } from './nats-connection.ts';
import type { LogExtent, LogFollower, RoomLog } from './room-log.ts';
import { messageTooLong, notConfirmed, tooMuchPending } from './rooms-errors.ts';
import type { RoomsPlan } from './rooms-plan.ts';
import type { Published, RoomMessage } from './rooms-types.ts';

/** Bytes that a pending message counts besides its data. */
const MESSAGE_OVERHEAD = 64;

/** The log in a stream of JetStream: the subject of a room is `SUBJECT.ROOM`. */
export class JetStreamLog implements RoomLog {
  readonly #access: JetStreamAccess;
  readonly #plan: RoomsPlan;
  #pending = 0;

  constructor(connection: NatsConnection, plan: RoomsPlan) {
    this.#access = new JetStreamAccess(connection, plan);
    this.#plan = plan;
  }

  async append(room: string, id: string, data: Uint8Array): Promise<Published> {
    const { maxPending } = this.#plan;
    const size = data.length + MESSAGE_OVERHEAD;
    if (data.length > this.#access.maxPayload) throw messageTooLong(data.length, this.#access.maxPayload);
    if (this.#pending + size > maxPending) throw tooMuchPending(size, this.#pending, maxPending);
    this.#pending += size;
    try {
      return await this.#publish(room, id, data.slice()); // The caller may change its bytes before a repetition.
    } finally {
      this.#pending -= size;
    }
  }

  async #publish(room: string, id: string, data: Uint8Array): Promise<Published> {
    const { subject, timeout, stream } = this.#plan;
    const until = realTime.now() + timeout;
    try {
      return await this.#access.persist(
        'store a message',
        async ({ js }) => {
          const remaining = Math.max(1, Math.min(ATTEMPT_TIMEOUT, until - realTime.now()));
          const ack = await js.publish(`${subject}.${room}`, data, { msgID: id, timeout: remaining, expect: { streamName: stream } });
          // The first attempt is not stored yet: its outcome is not known.
          if (ack.seq === 0) throw new Error('the message is being stored');
          this.#access.saw(ack.seq);
          return { sequence: ack.seq, isDuplicate: ack.duplicate };
        },
        until,
      );
    } catch (error) {
      if (error instanceof Error && error.message.includes('max_payload')) throw messageTooLong(data.length, this.#access.maxPayload);
      if (error instanceof IOStreamError || isFinal(error)) throw error;
      throw notConfirmed(id, timeout, error);
    }
  }

  next(room: string, after: number): Promise<RoomMessage | undefined> {
    return this.#access.persist('read a message', async (opened) => {
      const found = await this.#read(opened, room, after);
      if (found || this.#access.seen <= after) return found;
      // A new leader may find nothing because it has not applied all that is stored. Ask again when it has: one that was the leader
      // before and after the answer.
      const { cluster } = await this.#access.info(opened);
      const again = await this.#read(opened, room, after);
      if (!again && (await this.#access.info(opened)).cluster?.leader !== cluster?.leader)
        throw new Error('the leader of the stream has changed');
      return again;
    });
  }

  async #read({ jsm }: OpenedStream, room: string, after: number): Promise<RoomMessage | undefined> {
    const { stream, subject } = this.#plan;
    const stored = await jsm.streams.getMessage(stream, { seq: after + 1, next_by_subj: `${subject}.${room}` });
    if (!stored) return undefined;
    return { kind: 'message', room, sequence: stored.seq, id: stored.header.get(ID_HEADER), data: stored.data };
  }

  extent(room: string): Promise<LogExtent> {
    const filter = `${this.#plan.subject}.${room}`;
    return this.#access.persist('report its stream', async (opened) => {
      const { state, config } = await this.#access.info(opened, filter);
      const limit = config.max_msgs_per_subject > 0 ? config.max_msgs_per_subject : Infinity;
      return { first: state.first_seq, last: state.last_seq, count: state.subjects?.[filter] ?? 0, limit };
    });
  }

  follow(follower: LogFollower): Unsubscribable {
    return new JetStreamFeed(this.#access, follower);
  }
}
