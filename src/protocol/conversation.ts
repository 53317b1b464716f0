import { EPROTOCOL, IOStreamError, type ErrorCode, type Phase } from '../errors.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { GeneratorRunner } from './generator-runner.ts';
import { Link } from './link.ts';
import type { Need, Talk } from './need.ts';

/** Options for the errors of a conversation. */
export interface ConversationOptions {
  readonly phase: Phase;
  /** The error code if the peer ends before the conversation does. Default EPROTOCOL. */
  readonly early?: ErrorCode | undefined;
  /** Called with the bytes that satisfy a read, just before the conversation receives them. */
  readonly onRead?: ((bytes: Uint8Array) => void) | undefined;
}

/** Runs a {@link Talk}: collects its output, feeds it with chunks and answers, and throws the end of the connection into it. */
export class Conversation<T> {
  readonly #talk: Talk<T>;
  readonly #options: ConversationOptions;
  readonly #output = new ByteBuffer();
  readonly #runner: GeneratorRunner<T>;

  constructor(talk: (link: Link) => Talk<T>, options: ConversationOptions) {
    const { phase, onRead } = options;
    this.#options = options;
    this.#runner = new GeneratorRunner({ phase, onRead });
    this.#talk = begin(talk, new Link(this.#output, this.#runner));
  }

  /** Removes and returns the output that the conversation has queued. */
  takeOutput(): Uint8Array {
    return this.#output.take(this.#output.length);
  }

  /** The number of bytes received and not yet read. */
  get unread(): number {
    return this.#runner.unread.length;
  }

  /** Removes and returns the bytes that the conversation has not read. They belong to the layer above. */
  takeUnread(): Uint8Array {
    return this.#runner.unread.take(this.unread);
  }

  /** Runs to the first need, or to the end. Must be called once, before any `push`. */
  start(): IteratorResult<Need, T> {
    return this.#runner.start(this.#talk);
  }

  /** Appends bytes and runs the conversation until it needs more. Throws what the conversation throws. */
  push(bytes: Uint8Array): IteratorResult<Need, T> {
    this.#runner.unread.append(bytes);
    return this.#runner.resume();
  }

  /** Resumes the conversation with the value of its pending `wait`. Throws what the conversation throws. */
  answer(value: unknown): IteratorResult<Need, T> {
    return this.#runner.next(value);
  }

  /**
   * Throws the error of the pending `wait` into the conversation, which may catch it and continue. Throws what the conversation
   * throws.
   */
  reject(error: unknown): IteratorResult<Need, T> {
    return this.#runner.throw(error);
  }

  /** Fails the conversation because the peer ended, with the code of `early`. */
  end(): IteratorResult<Need, T> {
    return this.throw(this.#earlyEnd());
  }

  /**
   * Throws `why` into the conversation, because no more bytes can be read. The conversation may catch it, and throw a more specific
   * error or return. If it waits again instead, its `finally` blocks run and `why` is thrown.
   */
  throw(why: unknown): IteratorResult<Need, T> {
    if (this.#runner.isRunning) throw why; // Called by the conversation itself: a running generator cannot be resumed.
    const result = this.#runner.throw(why);
    if (result.done) return result;
    this.return();
    throw why;
  }

  /** Runs the `finally` blocks of the conversation: now, or after the current step if the conversation itself caused the call. */
  return(): void {
    this.#runner.return();
  }

  #earlyEnd(): IOStreamError {
    const { consumed, need } = this.#runner;
    const { phase, early = EPROTOCOL } = this.#options;
    const received = consumed + this.unread;
    const waitedFor = need && 'count' in need && need.count > 1 ? `${need.count} bytes from byte ${consumed} on` : 'the end of the reply';
    const message = `connection closed by the peer while waiting for ${waitedFor} (${received} bytes received)`;
    return new IOStreamError(early, { phase, message });
  }
}

/** Calls the user's function only when the conversation starts, so that the first step throws what it throws. */
function* begin<T>(talk: (link: Link) => Talk<T>, link: Link): Talk<T> {
  const made: unknown = talk(link);
  if (typeof made !== 'object' || made === null || !(Symbol.iterator in made)) throw notAGenerator(made);
  return yield* made as Talk<T>;
}

function notAGenerator(made: unknown): TypeError {
  const isAsync = typeof made === 'object' && made !== null && (Symbol.asyncIterator in made || 'then' in made);
  const got = isAsync
    ? 'an asynchronous function; wait with `yield* link.wait(() => …)`'
    : `a function that returned ${made === null ? 'null' : typeof made}`;
  return new TypeError(`expected the conversation to be a generator, \`function* (link) { … }\`, got ${got}`);
}
