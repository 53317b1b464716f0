import { filter, merge, skip, type Unsubscribable } from 'rxjs';
import { newInbox } from './inbox.ts';
import type { JetStreamAccess, OpenedStream } from './jetstream-client.ts';
import type { ConsumedMessage, ConsumerConfig, ConsumerMessages } from './jetstream-types.ts';
import type { LogFollower } from './room-log.ts';

/** Milliseconds after which the broker removes a consumer that has no subscriber: the node has died. */
const INACTIVE_THRESHOLD = 60_000;
const NANOSECONDS = 1e6;
/** The header with the id of a message. */
export const ID_HEADER = 'Nats-Msg-Id';

/**
 * The one consumer of a node: all rooms, in order.
 *
 * The consumer is made again after a message was lost, after a reconnect, and when the broker is silent. It starts after the last message
 * that was passed on, so the follower notices nothing, unless that part of the history was removed.
 */
export class JetStreamFeed implements Unsubscribable {
  readonly #access: JetStreamAccess;
  readonly #follower: LogFollower;
  /** The last sequence that was passed on, or existed before the start. */
  #last = 0;
  #created = '';
  #isStopped = false;
  /** Ends the current consumer. */
  #restart: () => void = () => {};

  constructor(access: JetStreamAccess, follower: LogFollower) {
    this.#access = access;
    this.#follower = follower;
    void this.#run();
  }

  unsubscribe(): void {
    this.#isStopped = true;
    this.#restart();
  }

  async #run(): Promise<void> {
    const { writable$, closed$ } = this.#access.link;
    const reconnecting = merge(writable$.pipe(skip(1), filter(Boolean)), closed$).subscribe(() => this.#restart());
    try {
      while (!this.#isStopped) await this.#access.persist('make a consumer', (opened) => this.#consume(opened));
    } catch (error) {
      if (!this.#isStopped) this.#follower.onError(error);
    } finally {
      reconnecting.unsubscribe();
    }
  }

  /** Runs one consumer until it is broken. */
  async #consume(opened: OpenedStream): Promise<void> {
    const { js, jsm } = opened;
    if (this.#isStopped) return;
    const { stream } = this.#access.plan;
    const broken = new Promise<void>((resolve) => (this.#restart = resolve));
    const { state, created } = await this.#access.info(opened);
    const isFirst = this.#last === 0;
    const isOther = created !== this.#created; // The stream was deleted, and made again.
    this.#created = created;
    if (isFirst || isOther) {
      this.#last = state.last_seq;
      // Before the consumer is made: its messages may arrive before the answer, and another attempt starts where this one does.
      this.#follower.onBreak(0);
    }
    const config = this.#configFor(this.#last + 1);
    const consumer = await js.consumers.getBoundPushConsumer(config);
    let delivered = 0;
    const callback = (message: ConsumedMessage): void => {
      const { deliverySequence } = message.info;
      if (deliverySequence === delivered + 1) this.#pass(message);
      else this.#restart(); // One was lost on the way.
      delivered = deliverySequence;
    };
    const messages = await consumer.consume({ callback });
    try {
      const { name } = await jsm.consumers.add(stream, config);
      void this.#watch(messages, () => delivered);
      await broken;
      // Without waiting for the answer: the connection may be closed in this turn.
      if (!this.#access.connection.isClosed()) this.#access.connection.publish(`${js.apiPrefix}.CONSUMER.DELETE.${stream}.${name}`);
    } finally {
      messages.stop();
    }
  }

  #configFor(start: number): ConsumerConfig {
    const { subject, heartbeat } = this.#access.plan;
    return {
      deliver_subject: newInbox(this.#access.connection),
      deliver_policy: 'by_start_sequence',
      opt_start_seq: start,
      ack_policy: 'none',
      filter_subject: `${subject}.>`,
      flow_control: true,
      idle_heartbeat: heartbeat * NANOSECONDS,
      inactive_threshold: INACTIVE_THRESHOLD * NANOSECONDS,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
    };
  }

  #pass(message: ConsumedMessage): void {
    const { subject } = this.#access.plan;
    const { seq: sequence, data } = message;
    if (this.#isStopped || sequence <= this.#last) return;
    // A hole in the stream: messages were removed before they could be passed on.
    if (sequence > this.#last + 1) this.#follower.onBreak(this.#last);
    this.#last = sequence;
    this.#access.saw(sequence);
    const room = message.subject.slice(subject.length + 1);
    this.#follower.onMessage({ kind: 'message', room, sequence, id: message.headers?.get(ID_HEADER) ?? '', data });
  }

  /** Restarts when the broker is silent, has removed the consumer, or has sent more than was received. */
  async #watch(messages: ConsumerMessages, delivered: () => number): Promise<void> {
    for await (const { type, lastConsumerSequence = 0 } of messages.status()) {
      const isBehind = type === 'heartbeat' && lastConsumerSequence > delivered();
      if (isBehind || type === 'heartbeats_missed' || type === 'consumer_deleted') this.#restart();
    }
  }
}
