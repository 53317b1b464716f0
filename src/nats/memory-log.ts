import { Subscription, type Unsubscribable } from 'rxjs';
import { realTime } from '../util/real-time.ts';
import type { LogExtent, LogFollower, RoomLog } from './room-log.ts';
import type { MemoryRoomsPlan } from './rooms-plan.ts';
import type { Published, RoomMessage } from './rooms-types.ts';

/** Bytes that a kept message counts besides its data. */
const MESSAGE_OVERHEAD = 128;
/** Maximum ids that are remembered in the duplicate window. */
const MAX_IDS = 100_000;

/** A log in memory, with the limits of a stream of JetStream. */
export class MemoryLog implements RoomLog {
  readonly #plan: MemoryRoomsPlan;
  /** The kept messages by sequence, the oldest first. */
  readonly #messages = new Map<number, RoomMessage>();
  /** The sequences of each room, ascending. */
  readonly #rooms = new Map<string, number[]>();
  readonly #ids = new Map<string, { readonly sequence: number; readonly at: number }>();
  readonly #followers = new Set<LogFollower>();
  #bytes = 0;
  #last = 0;

  constructor(plan: MemoryRoomsPlan) {
    this.#plan = plan;
  }

  append(room: string, id: string, data: Uint8Array): Promise<Published> {
    this.#forgetIds();
    const known = this.#ids.get(id);
    if (known) return Promise.resolve({ sequence: known.sequence, isDuplicate: true });
    const sequence = ++this.#last;
    const message: RoomMessage = { kind: 'message', room, sequence, id, data: data.slice() };
    this.#ids.set(id, { sequence, at: realTime.now() });
    this.#messages.set(sequence, message);
    this.#bytes += data.length + MESSAGE_OVERHEAD;
    const sequences = this.#rooms.get(room) ?? [];
    this.#rooms.set(room, sequences);
    sequences.push(sequence);
    if (sequences.length > this.#plan.history) this.#remove(sequences[0]);
    while (this.#bytes > this.#plan.maxBytes && this.#messages.size > 1) this.#remove(this.#messages.keys().next().value);
    for (const follower of [...this.#followers]) follower.onMessage(message);
    return Promise.resolve({ sequence, isDuplicate: false });
  }

  next(room: string, after: number): Promise<RoomMessage | undefined> {
    const sequences = this.#rooms.get(room) ?? [];
    const sequence = sequences[firstAbove(sequences, after)];
    return Promise.resolve(sequence === undefined ? undefined : this.#messages.get(sequence));
  }

  extent(room: string): Promise<LogExtent> {
    const first = this.#messages.keys().next().value ?? this.#last + 1;
    return Promise.resolve({ first, last: this.#last, count: this.#rooms.get(room)?.length ?? 0, limit: this.#plan.history });
  }

  follow(follower: LogFollower): Unsubscribable {
    this.#followers.add(follower);
    return new Subscription(() => this.#followers.delete(follower));
  }

  #remove(sequence: number | undefined): void {
    const message = sequence === undefined ? undefined : this.#messages.get(sequence);
    if (!message) return;
    this.#messages.delete(message.sequence);
    this.#bytes -= message.data.length + MESSAGE_OVERHEAD;
    const sequences = this.#rooms.get(message.room);
    sequences?.shift(); // Within a room, the oldest is removed first.
    if (sequences?.length === 0) this.#rooms.delete(message.room);
  }

  #forgetIds(): void {
    const until = realTime.now() - this.#plan.duplicateWindow;
    for (const [id, { at }] of this.#ids) {
      if (at > until && this.#ids.size < MAX_IDS) break;
      this.#ids.delete(id);
    }
  }
}

/** The index of the first number above `limit` in an ascending list. */
function firstAbove(list: readonly number[], limit: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
