import type { Unsubscribable } from 'rxjs';
import type { Published, RoomMessage } from './rooms-types.ts';

/** What a log keeps, at one moment. */
export interface LogExtent {
  /** The first sequence that is kept, and the last that was stored. With nothing kept, `first` is `last` + 1. */
  readonly first: number;
  readonly last: number;
  /** Messages kept of the room, and the limit. */
  readonly count: number;
  readonly limit: number;
}

/** Receives the messages of all rooms. */
export interface LogFollower {
  /** Called in order of sequences. */
  onMessage(message: RoomMessage): void;
  /** Messages after the sequence `upTo` may have been stored that `onMessage` has not got, and will not get. */
  onBreak(upTo: number): void;
  onError(error: unknown): void;
}

/**
 * Stores the messages of all rooms under one sequence, and removes the oldest: of a room over its limit, or of all.
 *
 * Each method rejects with an error that ends a member, and repeats a request itself if the broker cannot be reached.
 */
export interface RoomLog {
  append(room: string, id: string, data: Uint8Array): Promise<Published>;
  /** Reads the first message of a room after a sequence, if one is stored. */
  next(room: string, after: number): Promise<RoomMessage | undefined>;
  extent(room: string): Promise<LogExtent>;
  /** Calls the follower with what is stored from now on. If it starts later, calls `onBreak` then. */
  follow(follower: LogFollower): Unsubscribable;
}
