import type { Unsubscribable } from 'rxjs';
import type { LogFollower, RoomLog } from './room-log.ts';
import type { RoomMessage } from './rooms-types.ts';

/** Passes the messages of one consumer to the members of this node. Follows the log while there are members. */
export class RoomHub implements LogFollower {
  readonly #log: RoomLog;
  readonly #rooms = new Map<string, Set<LogFollower>>();
  #following: Unsubscribable | undefined;

  constructor(log: RoomLog) {
    this.#log = log;
  }

  add(room: string, member: LogFollower): void {
    const members = this.#rooms.get(room);
    if (members) members.add(member);
    else this.#rooms.set(room, new Set([member]));
    this.#following ??= this.#log.follow(this);
  }

  remove(room: string, member: LogFollower): void {
    const members = this.#rooms.get(room);
    members?.delete(member);
    if (members?.size === 0) this.#rooms.delete(room);
    if (this.#rooms.size > 0) return;
    this.#following?.unsubscribe();
    this.#following = undefined;
  }

  onMessage(message: RoomMessage): void {
    // A copy: members leave and join from inside.
    for (const member of [...(this.#rooms.get(message.room) ?? [])]) member.onMessage(message);
  }

  onBreak(upTo: number): void {
    for (const member of this.#members()) member.onBreak(upTo);
  }

  onError(error: unknown): void {
    this.#following = undefined;
    for (const member of this.#members()) member.onError(error);
  }

  #members(): LogFollower[] {
    return [...this.#rooms.values()].flatMap((members) => [...members]);
  }
}
