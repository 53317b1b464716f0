import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-end.ts';

/** Reads the successive connections of a persistent stream. */
export interface Follower {
  /** Whether an error would reach a reader. */
  readonly isErrorHandled: boolean;
  connected(io: IOStream): void;
  /** Called when a connection is lost or an attempt fails. Calls `whenRead` when all bytes before the loss have been read. */
  disconnected(whenRead: () => void): void;
  /** Called when no further connection follows. `isOwn`: because of `close()`. */
  ended(end: ReadEnd, how: { readonly isOwn: boolean }): void;
}

/** The followers of a persistent stream, in the order of their subscription. */
export class Followers {
  readonly #followers: Follower[] = [];

  get isErrorHandled(): boolean {
    return this.#followers.some((each) => each.isErrorHandled);
  }

  add(follower: Follower): void {
    this.#followers.push(follower);
  }

  connected(io: IOStream): void {
    for (const each of this.#followers) each.connected(io);
  }

  /** Calls `whenRead` when every follower has read all bytes before the loss. */
  disconnected(whenRead: () => void): void {
    this.#followers.reduceRight<() => void>((next, each) => () => each.disconnected(next), whenRead)();
  }

  ended(end: ReadEnd, isOwn: boolean): void {
    for (const each of this.#followers) each.ended(end, { isOwn });
  }
}
