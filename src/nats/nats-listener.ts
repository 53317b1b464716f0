import { noop } from 'rxjs';
import { encodeCode, encodeFrame, decodeFrame, HEADER_BYTES } from '../protocol/message-frame.ts';
import type { NatsConnection, NatsMessage, NatsSubscription } from './nats-connection.ts';
import type { NatsRequest } from './nats-channel.ts';

/** What a listener calls: the callbacks of `Server`. */
interface ListenerCallbacks {
  connection: (request: NatsRequest) => void;
  drop: () => void;
  error: (error: Error) => void;
}

/** Maximum requests that arrive before the server is there. Further ones are refused. */
const MAX_EARLY = 1024;

/** Where to listen. */
interface ListenAt {
  readonly connection: NatsConnection;
  readonly subject: string;
  readonly queue: string;
  /** Whether another connection would be one too many. */
  readonly isFull: () => boolean;
}

/** Receives the requests of a queue group, with the part of `net.Server` that a `Server` uses. */
export class NatsListener {
  /** Resolves after `close`, when the requests that were on their way have been received. */
  stopped: Promise<void> | undefined;
  readonly #at: ListenAt;
  readonly #callbacks: ListenerCallbacks = { connection: noop, drop: noop, error: noop };
  readonly #subscription: NatsSubscription;
  #isDestroyed = false;
  /** Requests that arrived before `start`. */
  #early: NatsRequest[] | undefined = [];

  /** @throws the error of NATS if its connection is closed. */
  constructor(at: ListenAt) {
    const { connection, subject, queue } = at;
    this.#at = at;
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error) this.#callbacks.error(error);
      else this.#receive(message);
    };
    this.#subscription = connection.subscribe(subject, { queue, callback });
  }

  on<Event extends keyof ListenerCallbacks>(event: Event, callback: ListenerCallbacks[Event]): void {
    this.#callbacks[event] = callback;
  }

  /** Passes on the requests that have arrived meanwhile, and those that follow. */
  start(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const request of early) this.#pass(request);
  }

  /** Leaves the queue group. Requests that the server has sent before are served. */
  close(): void {
    this.stopped ??= this.#subscription.drain().catch(noop);
  }

  /** Leaves the queue group, and refuses requests that are on their way. */
  destroy(): void {
    this.#isDestroyed = true;
    this.start();
    this.close();
  }

  /** Answers a request with a RESET, which names the reason. */
  refuse({ reply, data }: NatsRequest, code: string): void {
    try {
      const payload = encodeCode(code);
      const own = { type: 'RESET', from: 1, to: decodeFrame(data).from, window: 1, position: 0, read: 0 } as const;
      const message = encodeFrame(own, payload.length);
      message.set(payload, HEADER_BYTES);
      this.#at.connection.publish(reply, message);
    } catch {
      // No frame, or the connection is closed: nothing waits for an answer that could be given.
    }
  }

  #receive({ subject, reply, data }: NatsMessage): void {
    if (!reply) return; // Nothing to answer to.
    const request = { subject, reply, data };
    if (!this.#early) this.#pass(request);
    else if (this.#early.length < MAX_EARLY) this.#early.push(request);
    else this.refuse(request, 'EMFILE');
  }

  #pass(request: NatsRequest): void {
    if (this.#isDestroyed) this.refuse(request, 'ECLOSED');
    else if (this.#at.isFull()) {
      this.refuse(request, 'EMFILE');
      this.#callbacks.drop();
    } else this.#callbacks.connection(request);
  }
}
