import { EPROTOCOL, IOStreamError, type ErrorCode, type Phase } from '../errors.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';

/** A request that a conversation yields: an exact number of bytes, all bytes up to a delimiter within `limit`, or an {@link Answer}. */
export type Need =
  | { readonly count: number }
  | { readonly until: Uint8Array; readonly limit: number; readonly whole?: number | undefined }
  | { readonly wait: () => Answer<unknown> };

/** An asynchronous result other than bytes: the counterpart of RxJS's `ObservableInput`, typed without a dependency on RxJS. */
export type Answer<A> = PromiseLike<A> | Iterable<A> | AsyncIterable<A> | { subscribe(next: (value: A) => void): unknown };

/** A conversation: a generator that yields its needs, receives the bytes for each, and returns its result. */
export type Talk<T> = Generator<Need, T, Uint8Array>;

const TEXT = new TextEncoder();

/** Creates the need for exactly `count` bytes. Throws a TypeError if `count` is not a number of bytes. */
export function needCount(count: number): Need {
  if (!isLength(count)) throw new TypeError(`expected \`count\` of link.read to be a number of bytes, got ${String(count)}`);
  return { count };
}

/**
 * Creates the need for all bytes up to and including a delimiter. Throws a TypeError for an empty delimiter or an invalid limit.
 *
 * @param whole the limit that error messages quote, if this call reads the rest of something longer.
 */
export function needUntil(until: Uint8Array, limit: number, whole?: number): Need {
  if (until.length === 0) throw new TypeError('expected the delimiter of link.readUntil to have a byte at least, got none');
  if (!isLength(limit) && limit !== Infinity)
    throw new TypeError(`expected \`limit\` of link.readUntil to be a number of bytes, got ${String(limit)}`);
  return { until, limit, whole };
}

/** Returns whether the yielded value is a need, as with `yield*`, and not the generator that creates one, as with a plain `yield`. */
function isNeed(value: unknown): value is Need {
  return typeof value === 'object' && value !== null && ('count' in value || 'until' in value || 'wait' in value);
}

function notANeed(value: unknown): TypeError {
  const got = Object.prototype.toString.call(value) === '[object Generator]' ? 'a generator' : typeof value;
  return new TypeError(
    `expected the conversation to write \`yield*\` before link.read, link.readUntil and link.wait, got \`yield\` with ${got}`,
  );
}

function notAGenerator(made: unknown): TypeError {
  const isAsync = typeof made === 'object' && made !== null && (Symbol.asyncIterator in made || 'then' in made);
  const got = isAsync
    ? 'an asynchronous function; wait with `yield* link.wait(() => …)`'
    : `a function that returned ${made === null ? 'null' : typeof made}`;
  return new TypeError(`expected the conversation to be a generator, \`function* (link) { … }\`, got ${got}`);
}

function isLength(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}

function* read(count: number): Talk<Uint8Array> {
  const need = needCount(count);
  return count === 0 ? new Uint8Array(0) : yield need; // Not EMPTY_BYTES: the application may transfer it.
}

function* readUntil(delimiter: Uint8Array | string, limit: number, whole?: number): Talk<Uint8Array> {
  return yield needUntil(typeof delimiter === 'string' ? TEXT.encode(delimiter) : delimiter, limit, whole);
}

function* wait<A>(start: () => Answer<A>): Talk<A> {
  return (yield { wait: start }) as unknown as A;
}

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
  readonly #output: ByteBuffer;
  readonly #unread: ByteBuffer;

  /** @internal */
  constructor(said: ByteBuffer, unread: ByteBuffer) {
    this.#output = said;
    this.#unread = unread;
  }

  /**
   * Queues bytes, or text encoded as UTF-8. The queue is written as one chunk when the conversation next waits or returns. The array
   * is copied: you may reuse it.
   */
  readonly send = (data: Uint8Array | string): void => {
    this.#output.append(typeof data === 'string' ? TEXT.encode(data) : new Uint8Array(data));
  };

  /** Reads exactly `count` bytes. */
  readonly read: (count: number) => Talk<Uint8Array> = read;

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
   * Reads up to and including the delimiter. Throws EPROTOCOL if it is not found within `limit` bytes.
   *
   * @param whole the limit that the error message quotes, if `limit` is only what remains of a longer one. Default `limit`.
   */
  readonly readUntil: (delimiter: Uint8Array | string, limit: number, whole?: number) => Talk<Uint8Array> = readUntil;

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

/** Options for the errors of a conversation. */
export interface ConversationOptions {
  readonly phase: Phase;
  /** The error code if the peer ends before the conversation does. Default EPROTOCOL. */
  readonly early?: ErrorCode | undefined;
  /** Called with the bytes that satisfy a read, just before the conversation receives them. */
  readonly read?: ((bytes: Uint8Array) => void) | undefined;
}

/** Runs a {@link Talk} over incoming chunks. Takes linear time, however the bytes are split. */
export class Conversation<T> {
  readonly #talk: Talk<T>;
  readonly #options: ConversationOptions;
  readonly #unread = new ByteBuffer();
  readonly #output = new ByteBuffer();
  #need: Need | undefined;
  /** How far the unread bytes have been searched for the delimiter. */
  #searched = 0;
  #consumed = 0;
  #running = false;
  #abandoned = false;

  constructor(talk: (link: Link) => Talk<T>, options: ConversationOptions) {
    this.#talk = begin(talk, new Link(this.#output, this.#unread));
    this.#options = options;
  }

  /** Removes and returns the output that the conversation has queued. */
  takeOutput(): Uint8Array {
    return this.#output.take(this.#output.length);
  }

  /** The number of bytes received and not yet read. */
  get unread(): number {
    return this.#unread.length;
  }

  /** Removes and returns the bytes that the conversation has not read. They belong to the layer above. */
  takeUnread(): Uint8Array {
    return this.#unread.take(this.#unread.length);
  }

  /** Runs to the first need, or to the end. Must be called once, before any `push`. */
  start(): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.next(EMPTY_BYTES));
  }

  /** Appends bytes and runs the conversation until it needs more. Throws what the conversation throws. */
  push(bytes: Uint8Array): IteratorResult<Need, T> {
    this.#unread.append(bytes);
    return this.#run(() => (this.#need ? { done: false, value: this.#need } : this.#talk.next(bytes)));
  }

  /** Resumes the conversation with the value of its pending `wait`. Throws what the conversation throws. */
  answer(value: unknown): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.next(value as Uint8Array));
  }

  /**
   * Throws the error of the pending `wait` into the conversation, which may catch it and continue. Throws what the conversation
   * throws.
   */
  reject(error: unknown): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.throw(error));
  }

  /** Fails the conversation because the peer ended, with the code of `early`. */
  end(): IteratorResult<Need, T> {
    return this.throw(this.#early());
  }

  /**
   * Throws `why` into the conversation, because no more bytes can be read. The conversation may catch it, and throw a more specific
   * error or return. If it waits again instead, its `finally` blocks run and `why` is thrown.
   */
  throw(why: unknown): IteratorResult<Need, T> {
    if (this.#running) throw why; // Called by the conversation itself: a running generator cannot be resumed.
    const result = this.#run(() => this.#talk.throw(why));
    if (result.done) return result;
    this.return();
    throw why;
  }

  #early(): IOStreamError {
    const got = this.#consumed + this.#unread.length;
    const expected =
      this.#need === undefined
        ? ''
        : 'count' in this.#need && this.#need.count > 1
          ? `, ${this.#need.count} more expected at byte ${this.#consumed}`
          : ', before the end of the reply';
    const message = `expected the whole reply, got an unexpected EOF after ${got} bytes${expected}`;
    return new IOStreamError(this.#options.early ?? EPROTOCOL, { phase: this.#options.phase, message });
  }

  /** Runs the `finally` blocks of the conversation: now, or after the current step if the conversation itself caused the call. */
  return(): void {
    this.#abandoned = true;
    if (!this.#running) this.#talk.return(undefined as T);
  }

  #run(step: () => IteratorResult<Need, T>): IteratorResult<Need, T> {
    this.#running = true;
    try {
      let result = step();
      while (!result.done && !this.#abandoned) {
        if (!isNeed(result.value)) {
          result = this.#talk.throw(notANeed(result.value));
          continue;
        }
        this.#need = result.value;
        const length = this.#available(result.value);
        if (length === undefined) return result;
        this.#searched = 0;
        this.#consumed += length;
        const bytes = this.#unread.take(length);
        this.#options.read?.(bytes);
        result = this.#talk.next(bytes);
      }
      this.#need = undefined;
      return result;
    } finally {
      this.#running = false;
      if (this.#abandoned) this.#talk.return(undefined as T);
    }
  }

  /** Returns how many bytes satisfy the need, or undefined if there are not enough yet. */
  #available(need: Need): number | undefined {
    if ('wait' in need) return undefined;
    if ('count' in need) return need.count <= this.#unread.length ? need.count : undefined;
    const { until, limit, whole = limit } = need;
    const seen = Math.min(this.#unread.length, limit);
    const found = this.#unread.indexOf(until, this.#searched, seen);
    if (found >= 0) return found + until.length;
    this.#searched = Math.max(0, seen - until.length + 1);
    if (seen < limit) return undefined;
    const message = `expected the end of the reply within ${whole} bytes, got more`;
    throw new IOStreamError(EPROTOCOL, { phase: this.#options.phase, message });
  }
}

/** Calls the user's function only when the conversation starts, so that the first step throws what it throws. */
function* begin<T>(talk: (link: Link) => Talk<T>, link: Link): Talk<T> {
  const made: unknown = talk(link);
  if (typeof made !== 'object' || made === null || !(Symbol.iterator in made)) throw notAGenerator(made);
  return yield* made as Talk<T>;
}
