import { EINBUFLIMIT, IOStreamError } from '../../errors.ts';
import type { Follower } from '../../reconnect/followers.ts';
import type { ReconnectingStream } from '../../reconnect/reconnecting-stream.ts';
import type { IOStream } from '../../stream/io-stream.ts';
import type { ReadEnd } from '../../stream/read-end.ts';
import type { ConnectionReader, Connections } from './connections.ts';

/** Maximum number of lost connections with unread messages. Each buffers the bytes that it had read ahead. */
const MAX_LOST = 16;

interface FollowedConnection {
  readonly io: IOStream;
  /** Callbacks to run when its messages have been read. */
  readonly whenRead: (() => void)[];
}

/** The connections of a persistent stream. The end of one does not end the messages. */
export class PersistentConnections implements Connections, Follower {
  end: ReadEnd | undefined;
  readonly #stream: ReconnectingStream;
  #reader: ConnectionReader | undefined;
  /** Lost connections with unread messages, in order. The current connection is the last, unless its messages have ended. */
  #connections: FollowedConnection[] = [];
  /** The error for the next reader, if messages were dropped while there was none. */
  #dropped: ReadEnd | undefined;

  constructor(stream: ReconnectingStream) {
    this.#stream = stream;
  }

  get io(): IOStream | undefined {
    return this.#connections[0]?.io;
  }

  get isErrorHandled(): boolean {
    return this.#reader?.isErrorHandled() === true;
  }

  addReader(reader: ConnectionReader): ReadEnd | undefined {
    if (!this.#reader) {
      this.#reader = reader;
      this.#stream.follow(this);
      this.#stream.keepWhile(() => reader.isHandling());
    }
    const dropped = this.#dropped;
    this.#dropped = undefined;
    return dropped;
  }

  next(end: ReadEnd): ReadEnd | undefined {
    const previous = this.#shift();
    // `isFatal` kept the connection open although its messages cannot be decoded: it emits nothing more.
    if ('error' in end && previous?.io.state === 'open') return end;
    return this.io ? undefined : this.end;
  }

  connected(io: IOStream): void {
    this.#connections.push({ io, whenRead: [] });
    if (this.io === io) this.#reader?.connectionChanged();
  }

  disconnected(whenRead: () => void): void {
    const last = this.#connections.at(-1);
    if (!last) {
      whenRead();
      return;
    }
    last.whenRead.push(whenRead);
    if (this.#reader?.isDrained(last.io)) this.#popDrained(last);
    if (this.#connections.length <= MAX_LOST) return;
    this.#shift();
    const message = `the messages of a lost connection were dropped: still unread when ${MAX_LOST} more connections had been lost; read them sooner`;
    const error = new IOStreamError(EINBUFLIMIT, { phase: 'read', message });
    if (!this.#reader?.fail(error)) this.#dropped = { error };
  }

  ended(end: ReadEnd, { isOwn }: { readonly isOwn: boolean }): void {
    this.end ??= end;
    while (isOwn && this.io) this.#shift();
    if (!this.io) this.#reader?.connectionChanged();
  }

  /** Removes the last connection, which has no unread messages. */
  #popDrained({ whenRead }: FollowedConnection): void {
    const before = this.#connections.at(-2);
    if (!before) {
      this.#shift();
      return;
    }
    before.whenRead.push(...whenRead);
    this.#connections.pop();
  }

  /** Removes the first connection, and reports that its messages have been read. */
  #shift(): FollowedConnection | undefined {
    const first = this.#connections.shift();
    for (const callback of first?.whenRead ?? []) callback();
    return first;
  }
}
