import { MemoryLog } from './memory-log.ts';
import { planMemoryRooms } from './rooms-plan.ts';
import { roomsOverLog } from './rooms-over-log.ts';
import type { MemoryRoomsOptions, Rooms } from './rooms-types.ts';

/**
 * Creates rooms in the memory of this process, with the interface of {@link rooms}: for a single node, and for tests.
 *
 * ```text
 *   publish('lobby', 'hi') ──▶ history ──▶ joined 0 │ message 1 │ message 2 …
 *                              (removed: the oldest) └─ slow: reads the history ─ gap, if that was removed
 * ```
 *
 * **Errors**
 * - An error of `deliver` errors the membership.
 *
 * **Closing**
 * - Unsubscribing leaves the room. The history remains as long as the object.
 *
 * **Backpressure**
 * - As for {@link rooms}: `deliver` gets one event at a time.
 *
 * **Memory**
 * - At most `history` messages of each room, and `maxBytes` of all (64 MiB). At most `buffer` for each slow member.
 *
 * ```ts
 * import { memoryRooms } from 'rxjs-io-stream/nats';
 *
 * const chat = memoryRooms({ history: 100 });
 * chat.join('lobby').subscribe((event) => {
 *   if (event.kind === 'message') console.log(new TextDecoder().decode(event.data));
 * });
 * await chat.publish('lobby', 'hello');
 * ```
 *
 * @param options `history` in messages (1000), `maxBytes` (67108864), `buffer` in bytes (262144), `duplicateWindow` in milliseconds (120000).
 * @throws TypeError for a wrong option.
 * @see docs/guides/nats-rooms.md, {@link rooms}
 */
export function memoryRooms(options: MemoryRoomsOptions = {}): Rooms {
  const plan = planMemoryRooms(options);
  return roomsOverLog(new MemoryLog(plan), plan.buffer);
}
