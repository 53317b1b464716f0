import { EPROTOCOL, IOStreamError, type ErrorCode, type Phase } from '../errors.ts';
import { ByteBuffer } from './byte-buffer.ts';

/** What a conversation waits for: so many bytes, all up to and including a delimiter within `limit` bytes, or an {@link Answer}. */
export type Need =
  | { readonly count: number }
  | { readonly until: Uint8Array; readonly limit: number; readonly whole?: number | undefined }
  | { readonly wait: () => Answer<unknown> };

/** Something that is not bytes and may take time: what RxJS calls an `ObservableInput`, in words that need no RxJS. */
export type Answer<A> = PromiseLike<A> | Iterable<A> | AsyncIterable<A> | { subscribe(next: (value: A) => void): unknown };

/** A conversation: a generator that yields what it needs, gets it, and returns what it learned. */
export type Talk<T> = Generator<Need, T, Uint8Array>;

const TEXT = new TextEncoder();

/** The need for so many bytes. Throws a TypeError for what is no number of bytes. */
export function needCount(count: number): Need {
  if (!isLength(count)) throw new TypeError(`expected \`count\` of link.read to be a number of bytes, got ${String(count)}`);
  return { count };
}

/**
 * The need for all up to and including a delimiter. Throws a TypeError without a delimiter, and for a limit that is none.
 *
 * @param whole the limit that an error tells, where this is the rest of something longer.
 */
export function needUntil(until: Uint8Array, limit: number, whole?: number): Need {
  if (until.length === 0) throw new TypeError('expected the delimiter of link.readUntil to have a byte at least, got none');
  if (!isLength(limit) && limit !== Infinity)
    throw new TypeError(`expected \`limit\` of link.readUntil to be a number of bytes, got ${String(limit)}`);
  return { until, limit, whole };
}

/** Whether a conversation has yielded a need, as `yield*` does, and not the generator that makes one. */
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
  return count === 0 ? new Uint8Array(0) : yield need;
}

function* readUntil(delimiter: Uint8Array | string, limit: number, whole?: number): Talk<Uint8Array> {
  return yield needUntil(typeof delimiter === 'string' ? TEXT.encode(delimiter) : delimiter, limit, whole);
}

function* wait<A>(start: () => Answer<A>): Talk<A> {
  return (yield { wait: start }) as unknown as A;
}

/**
 * One end of a conversation: says things, and reads exactly what it asks for. It cannot depend on how the bytes were cut, and
 * what it has not read belongs to the layer above. An early end of the peer, or an error of the connection, is thrown where it
 * waits; it cannot wait again after that. Its functions may be taken apart: `function* ({ read, send }) { … }`.
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
  readonly #said: ByteBuffer;
  readonly #unread: ByteBuffer;

  /** @internal */
  constructor(said: ByteBuffer, unread: ByteBuffer) {
    this.#said = said;
    this.#unread = unread;
  }

  /** Says these bytes, or this text in UTF-8. They leave when the talk next waits, in one piece; the array stays yours. */
  readonly send = (data: Uint8Array | string): void => {
    this.#said.append(typeof data === 'string' ? TEXT.encode(data) : new Uint8Array(data));
  };

  /** Reads exactly `count` bytes. */
  readonly read: (count: number) => Talk<Uint8Array> = read;

  /**
   * Copies the first bytes of those that have come and were not read, without reading them: for the text of an error. Their
   * number depends on how the bytes were cut.
   *
   * @internal
   */
  peek(limit: number): Uint8Array {
    return this.#unread.view().slice(0, limit);
  }

  /**
   * Reads up to and including the delimiter; EPROTOCOL when it does not come within `limit` bytes.
   *
   * @param whole the limit that the error tells, where `limit` is what is left of one. Default `limit`.
   */
  readonly readUntil: (delimiter: Uint8Array | string, limit: number, whole?: number) => Talk<Uint8Array> = readUntil;

  /**
   * Waits for something else than bytes: the first value of an Observable, a Promise or an iterable. Its error is thrown into
   * the talk, as RxJS's `EmptyError` when it gave no value. What was said before leaves first. Bytes that come meanwhile are
   * read later; so is the end of the peer, since the talk may not want to read any more.
   *
   * ```ts
   * const password = yield* link.wait(() => askVault());
   * ```
   *
   * @param start called when the talk waits; what it gives is unsubscribed when the conversation is left.
   */
  readonly wait: <A>(start: () => Answer<A>) => Talk<A> = wait;
}

/** How the errors of a conversation are named. */
export interface ConversationOptions {
  readonly phase: Phase;
  /** The code when the peer ends before the conversation does. Default EPROTOCOL. */
  readonly early?: ErrorCode | undefined;
  /** Told of the bytes that the talk reads, just before it gets them. */
  readonly read?: ((bytes: Uint8Array) => void) | undefined;
}

/** Runs a {@link Talk} over bytes as they come. Linear in the bytes, however they are cut. */
export class Conversation<T> {
  readonly #talk: Talk<T>;
  readonly #options: ConversationOptions;
  readonly #unread = new ByteBuffer();
  readonly #said = new ByteBuffer();
  #need: Need | undefined;
  /** How far the delimiter has been searched for already. */
  #searched = 0;
  #consumed = 0;
  #running = false;
  #abandoned = false;

  constructor(talk: (link: Link) => Talk<T>, options: ConversationOptions) {
    this.#talk = begin(talk, new Link(this.#said, this.#unread));
    this.#options = options;
  }

  /** What the talk has said since the last look. */
  takeSaid(): Uint8Array {
    return this.#said.take(this.#said.length);
  }

  /** How many bytes came and were not read yet. */
  get unread(): number {
    return this.#unread.length;
  }

  /** Bytes that came and were not read by the talk: they belong to the layer above. */
  takeUnread(): Uint8Array {
    return this.#unread.take(this.#unread.length);
  }

  /** Runs to the first need, or to the end. To be called once, before any `push`. */
  start(): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.next(NO_BYTES));
  }

  /** Takes bytes and runs as far as they reach. Throws what the talk throws. */
  push(bytes: Uint8Array): IteratorResult<Need, T> {
    this.#unread.append(bytes);
    return this.#run(() => (this.#need ? { done: false, value: this.#need } : this.#talk.next(bytes)));
  }

  /** What the talk waits for is there. Throws what the talk throws. */
  answer(value: unknown): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.next(value as Uint8Array));
  }

  /** What the talk waits for failed: it may catch that, and go on. Throws what the talk throws. */
  refuse(error: unknown): IteratorResult<Need, T> {
    return this.#run(() => this.#talk.throw(error));
  }

  /** The peer ended: fails with that, by the code asked for. */
  end(): IteratorResult<Need, T> {
    return this.fail(this.#early());
  }

  /**
   * There is no more to read: the talk is told by an error it may catch, to throw a better one or to be through. One that waits on
   * has failed with the same, and its `finally` blocks run. Throws what the talk throws.
   */
  fail(why: unknown): IteratorResult<Need, T> {
    if (this.#running) throw why; // By the talk itself, which cannot be told from inside.
    const result = this.#run(() => this.#talk.throw(why));
    if (result.done) return result;
    this.abandon();
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

  /** Lets the talk's `finally` blocks run: now, or when its step is over if it is the talk itself that leaves. */
  abandon(): void {
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

  /** How many bytes satisfy the need, or undefined if there are not enough yet. */
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

const NO_BYTES = new Uint8Array(0);

/** The talk itself is only called when the conversation starts: what it throws then is thrown by the first step. */
function* begin<T>(talk: (link: Link) => Talk<T>, link: Link): Talk<T> {
  const made: unknown = talk(link);
  if (typeof made !== 'object' || made === null || !(Symbol.iterator in made)) throw notAGenerator(made);
  return yield* made as Talk<T>;
}
