import { EINBUFLIMIT, IOStreamError } from '../errors.ts';
import type { Follower } from '../reconnect/followers.ts';
import type { ReconnectingStream } from '../reconnect/reconnecting-stream.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-side.ts';
import type { ConnectionReader, Connections } from './connections.ts';

/** Maximum number of lost connections with unread messages. Each holds the bytes that it had read ahead. */
const MAX_LOST = 16;

interface Connection {
  readonly io: IOStream;
  /** Callbacks to run when its messages have been read. */
  readonly whenRead: (() => void)[];
}

/** The connections of a persistent stream. The end of one does not end the messages. */
export class PersistentConnections implements Connections, Follower {
  end: ReadEnd | undefined;
  readonly #line: ReconnectingStream;
  #reader: ConnectionReader | undefined;
  /** Lost connections with unread messages, in order. The current connection is the last, unless its messages have ended. */
  #connections: Connection[] = [];
  /** The error for the next reader, if messages were dropped while there was none. */
  #missed: ReadEnd | undefined;

  constructor(line: ReconnectingStream) {
    this.#line = line;
  }

  get io(): IOStream | undefined {
    return this.#connections[0]?.io;
  }

  get isErrorHandled(): boolean {
    return this.#reader?.isErrorHandled() === true;
  }

  open(reader: ConnectionReader): ReadEnd | undefined {
    if (!this.#reader) {
      this.#reader = reader;
      this.#line.follow(this);
    }
    const missed = this.#missed;
    this.#missed = undefined;
    return missed;
  }

  pass(end: ReadEnd): ReadEnd | undefined {
    const passed = this.#leave();
    // `isFatal` kept the connection open although its messages cannot be decoded: it emits nothing more.
    if ('error' in end && passed?.io.state === 'open') return end;
    return this.io ? undefined : this.end;
  }

  connected(io: IOStream): void {
    this.#connections.push({ io, whenRead: [] });
    if (this.io === io) this.#reader?.changed();
  }

  disconnected(whenRead: () => void): void {
    const last = this.#connections.at(-1);
    if (!last) {
      whenRead();
      return;
    }
    last.whenRead.push(whenRead);
    if (this.#reader?.isSpent(last.io)) this.#drop(last);
    if (this.#connections.length <= MAX_LOST) return;
    this.#leave();
    const message = `expected the messages of a lost connection to be read before ${MAX_LOST} more connections were lost; they are dropped`;
    const error = new IOStreamError(EINBUFLIMIT, { phase: 'read', message });
    if (!this.#reader?.fail(error)) this.#missed = { error };
  }

  ended(end: ReadEnd, { isOwn }: { readonly isOwn: boolean }): void {
    this.end ??= end;
    while (isOwn && this.io) this.#leave();
    if (!this.io) this.#reader?.changed();
  }

  /** Removes the last connection, which has no unread messages. */
  #drop({ whenRead }: Connection): void {
    const before = this.#connections.at(-2);
    if (!before) {
      this.#leave();
      return;
    }
    before.whenRead.push(...whenRead);
    this.#connections.pop();
  }

  #leave(): Connection | undefined {
    const left = this.#connections.shift();
    for (const work of left?.whenRead ?? []) work();
    return left;
  }
}
