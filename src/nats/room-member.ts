import { from, type Subscriber, type Subscription } from 'rxjs';
import { Fifo } from '../util/fifo.ts';
import { publishGap } from './nats-diagnostics.ts';
import type { LogFollower, RoomLog } from './room-log.ts';
import type { JoinOptions, RoomEvent, RoomMessage } from './rooms-types.ts';

/** Bytes that a queued message counts besides its data. */
const MESSAGE_OVERHEAD = 64;
/** Maximum messages that are read from the history before they are delivered. */
const MAX_BATCH = 32;

/**
 * One subscription of `join`.
 *
 * It gets live messages through a bounded queue. When that overflows, and at the start, it is behind: it reads the history at its own
 * pace, until the next message of the history is in the queue, or does not exist.
 */
export class RoomMember implements LogFollower {
  readonly #room: string;
  readonly #log: RoomLog;
  readonly #buffer: number;
  readonly #deliverTo: JoinOptions['deliver'];
  readonly #out: Subscriber<RoomEvent>;
  /** Messages that follow each other in the room without a hole. */
  readonly #queue = new Fifo<RoomMessage>();
  #queuedBytes = 0;
  /** The sequence up to which everything was delivered. */
  #position: number | undefined;
  #isBehind = true;
  #hasJoined = false;
  #isRunning = false;
  #delivering: Subscription | undefined;

  constructor(room: string, { after, deliver }: JoinOptions, log: RoomLog, buffer: number, out: Subscriber<RoomEvent>) {
    this.#room = room;
    this.#position = after;
    this.#deliverTo = deliver;
    this.#log = log;
    this.#buffer = buffer;
    this.#out = out;
  }

  start(): void {
    this.#run();
  }

  stop(): void {
    this.#delivering?.unsubscribe();
    this.#queue.clear();
  }

  onMessage(message: RoomMessage): void {
    if (!this.#isBehind && !this.#isRunning && !this.#deliverTo) {
      void this.#deliverMessage(message);
      return;
    }
    this.#queuedBytes += sizeOf(message);
    this.#queue.push(message);
    if (this.#queuedBytes > this.#buffer) this.#fallBehind();
    this.#run();
  }

  onBreak(upTo: number): void {
    // An idle member has got everything up to there: what other rooms have removed since is no gap.
    if (!this.#isBehind && !this.#isRunning) this.#position = Math.max(this.#position ?? 0, upTo);
    this.#fallBehind();
    this.#run();
  }

  onError(error: unknown): void {
    this.#out.error(error);
  }

  #fallBehind(): void {
    this.#isBehind = true;
    this.#queue.clear();
    this.#queuedBytes = 0;
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#deliverAll().catch((error: unknown) => this.#out.error(error));
  }

  async #deliverAll(): Promise<void> {
    if (!this.#hasJoined) {
      this.#hasJoined = true;
      this.#position ??= (await this.#log.extent(this.#room)).last;
      await this.#deliver({ kind: 'joined', room: this.#room, sequence: this.#position });
    }
    while (!this.#out.closed) {
      if (this.#isBehind) await this.#readHistory(this.#position ?? 0);
      else {
        const message = this.#queue.shift();
        if (!message) {
          this.#isRunning = false; // In the same turn: the next message starts it again.
          return;
        }
        this.#queuedBytes -= sizeOf(message);
        const delivering = this.#deliverMessage(message);
        if (delivering) await delivering;
      }
    }
  }

  async #readHistory(position: number): Promise<void> {
    const messages = await this.#readBatch(position);
    // After the batch was read: what was removed while it was read is a gap, too.
    if (!(await this.#isComplete(position, messages.length > 0))) await this.#deliverGap(position);
    else for (const message of messages) if (!this.#out.closed) await this.#deliverMessage(message);
  }

  /** Reads messages after `position`. Clears `#isBehind` when the next one is in the queue, or does not exist. */
  async #readBatch(position: number): Promise<RoomMessage[]> {
    const messages: RoomMessage[] = [];
    let [last, bytes] = [position, 0];
    while (messages.length < MAX_BATCH && bytes < this.#buffer) {
      this.#isBehind = false; // An overflow during the request sets it again.
      const message = await this.#log.next(this.#room, last);
      if (!message) break;
      const queued = this.#queue.peek();
      if (queued && queued.sequence <= message.sequence) break;
      this.#isBehind = true;
      messages.push(message);
      last = message.sequence;
      bytes += sizeOf(message);
    }
    return messages;
  }

  /** Whether no message of the room after `position` was removed. The oldest are removed first. @param hasLater whether one was read. */
  async #isComplete(position: number, hasLater: boolean): Promise<boolean> {
    if (hasLater && (await this.#isKeptSince(position))) return true;
    const { first, last, count, limit } = await this.#log.extent(this.#room);
    if (position > last) return false; // A position of a log that was deleted, and whose numbers start again.
    return position === last || (first <= position + 1 && count < limit) || this.#isKeptSince(position);
  }

  async #isKeptSince(position: number): Promise<boolean> {
    const oldest = await this.#log.next(this.#room, 0);
    return oldest !== undefined && oldest.sequence <= position;
  }

  async #deliverGap(after: number): Promise<void> {
    this.#fallBehind();
    const oldest = await this.#log.next(this.#room, 0);
    const before = oldest?.sequence ?? (await this.#log.extent(this.#room)).last + 1;
    this.#position = before - 1;
    publishGap(this.#room, after, before);
    await this.#deliver({ kind: 'gap', room: this.#room, after, before });
    // Delivered at once: in a history that is shorter than a batch takes to read, the member must not see gaps only.
    if (oldest && !this.#out.closed) await this.#deliverMessage(oldest);
  }

  #deliverMessage(message: RoomMessage): Promise<void> | void {
    if (message.sequence <= (this.#position ?? 0)) return; // From the history and from the queue.
    this.#position = message.sequence;
    return this.#deliver(message);
  }

  #deliver(event: RoomEvent): Promise<void> | void {
    if (!this.#deliverTo) {
      this.#out.next(event);
      return;
    }
    const delivered = from(this.#deliverTo(event));
    return new Promise((resolve, reject) => {
      this.#delivering = delivered.subscribe({
        error: reject,
        complete: () => {
          this.#out.next(event);
          resolve();
        },
      });
    });
  }
}

function sizeOf({ data }: RoomMessage): number {
  return data.length + MESSAGE_OVERHEAD;
}
