import { utf8 } from '../util/utf8.ts';
import { prepend, type ByteBuffer } from './byte-buffer.ts';
import type { Answer, Talk } from './need.ts';
import { readCount, readUntil, type ByteSource } from './pending-read.ts';

/**
 * Sends bytes and reads exact amounts of bytes within a conversation.
 *
 * The result cannot depend on how the bytes were split into chunks. Unread bytes belong to the layer above. The functions may be
 * destructured: `function* ({ read, send }) { … }`.
 *
 * **Errors**
 * - An early end of the peer, or an error of the connection, is thrown at the pending `yield*`.
 * - After that, the conversation cannot read or wait again.
 *
 * ```ts
 * function* greeting(link: Link) {
 *   link.send('HELLO\n');
 *   const [version] = yield* link.read(1);
 *   return { version };
 * }
 * ```
 */
export class Link {
  /** Reads exactly `count` bytes. */
  readonly read: (count: number) => Talk<Uint8Array>;

  /**
   * Reads up to and including the delimiter. Throws EPROTOCOL if it is not found within `limit` bytes.
   *
   * @param whole the limit that the error message quotes, if `limit` is only what remains of a longer one. Default `limit`.
   */
  readonly readUntil: (delimiter: Uint8Array | string, limit: number, whole?: number) => Talk<Uint8Array>;

  readonly #output: ByteBuffer;
  readonly #unread: ByteBuffer;

  /** @internal */
  constructor(output: ByteBuffer, source: ByteSource & { readonly unread: ByteBuffer }) {
    this.#output = output;
    this.#unread = source.unread;
    this.read = (count) => readCount(count, source);
    this.readUntil = (delimiter, limit, whole) => readUntil(delimiter, limit, source, whole);
  }

  /**
   * Queues bytes, or text encoded as UTF-8. The queue is written as one chunk when the conversation next waits or returns. The array
   * is copied: you may reuse it.
   */
  readonly send = (data: Uint8Array | string): void => {
    this.#output.append(typeof data === 'string' ? utf8(data) : new Uint8Array(data));
  };

  /**
   * Copies the first unread bytes without consuming them, for error messages. Their number depends on how the bytes were split into
   * chunks.
   *
   * @internal
   */
  peek(limit: number): Uint8Array {
    return this.#unread.view().slice(0, limit);
  }

  /**
   * Puts bytes back before the unread bytes: they belong to the layer above.
   *
   * @internal
   */
  unshift(bytes: Uint8Array): void {
    prepend(this.#unread, bytes);
  }

  /**
   * Waits for something other than bytes: the first value of an Observable, a Promise or an iterable.
   *
   * If the source errors, that error is thrown into the conversation; if it completes without a value, RxJS's `EmptyError` is thrown.
   * Queued output is written first. Bytes that arrive meanwhile are read later. The end of the peer is also reported later, because
   * the conversation may not need to read any more.
   *
   * ```ts
   * const password = yield* link.wait(() => askVault());
   * ```
   *
   * @param start called when the conversation waits. Its result is unsubscribed when the conversation is abandoned.
   */
  readonly wait: <A>(start: () => Answer<A>) => Talk<A> = wait;
}

function* wait<A>(start: () => Answer<A>): Talk<A> {
  return (yield { wait: start }) as unknown as A;
}
