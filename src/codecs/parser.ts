import { IOStreamError } from '../errors.ts';
import { Conversation, type Link, type Need, type Talk } from '../protocol/link.ts';
import type { Decoder } from './decoding.ts';
import { cutOff, overLimit } from './frame.ts';

/** What the generator of a codec reads with. */
export type Reader = Pick<Link, 'read' | 'readUntil'>;

/** Reads one message. */
export type Parse<T> = (link: Reader) => Talk<T>;

/** How long a message may be. */
export interface ParserLimits {
  readonly maxLength: number;
  /** Bytes of a message that do not count: headers, delimiters. */
  readonly overhead?: number;
}

/** Says that a message is there, in the one way that a conversation stops without asking for bytes. */
const MADE: Need = { wait: () => [] };

/** Runs a generator over and over, in one conversation: each return is a message. */
export class Parser<T> implements Decoder<T> {
  readonly #parse: Parse<T>;
  readonly #maxLength: number;
  readonly #most: number;
  readonly #conversation: Conversation<void>;
  #message: T | undefined;
  /** How many bytes the present message has read. */
  #read = 0;
  #started = false;
  /** The talk waits for a delimiter, for as long as a message may be: no longer is no fault of its own limit. */
  #clipped = false;

  constructor(parse: Parse<T>, { maxLength, overhead = 0 }: ParserLimits) {
    this.#parse = parse;
    this.#maxLength = maxLength;
    this.#most = maxLength + overhead;
    const read = (bytes: Uint8Array): void => {
      this.#read += bytes.length;
      this.#check(0);
    };
    this.#conversation = new Conversation((link) => this.#messages(link), { phase: 'read', read });
  }

  *push(bytes: Uint8Array): Generator<T, void> {
    if (!this.#started) this.#step((talk) => talk.start());
    this.#started = true;
    for (let need = this.#step((talk) => talk.push(bytes)); need === MADE; need = this.#step((talk) => talk.answer(undefined)))
      yield this.#message as T;
  }

  finish(): Iterable<T> {
    const begun = this.#read + this.#conversation.unread;
    if (begun > 0) throw cutOff(begun);
    return [];
  }

  free(): void {
    this.#conversation.abandon();
  }

  *#messages(link: Link): Talk<void> {
    const reader: Reader = {
      read: (count) => link.read(count),
      readUntil: (delimiter, limit) => this.#readUntil(link, delimiter, limit),
    };
    for (;;) {
      this.#message = yield* this.#parse(reader);
      if (this.#read === 0)
        throw new TypeError('expected the generator of a codec to read at least one byte for each message, it read none');
      this.#read = 0;
      yield MADE;
    }
  }

  *#readUntil(link: Link, delimiter: Uint8Array | string, limit: number): Talk<Uint8Array> {
    const room = this.#most - this.#read;
    this.#clipped = room < limit;
    const bytes = yield* link.readUntil(delimiter, Math.min(limit, room));
    this.#clipped = false;
    return bytes;
  }

  #step(step: (talk: Conversation<void>) => IteratorResult<Need, void>): Need | undefined {
    try {
      const { value: need } = step(this.#conversation);
      if (!need) return undefined;
      if (need === MADE) return need;
      if ('wait' in need) throw new TypeError('expected the generator of a codec to wait for bytes only');
      // What it waits for is not there: how many bytes the message has at least is known before they come.
      this.#check('count' in need ? need.count : this.#conversation.unread + 1);
      return need;
    } catch (error) {
      throw this.#clipped ? overLimit(this.#maxLength, 'more') : IOStreamError.from(error, { phase: 'read' });
    }
  }

  #check(more: number): void {
    if (this.#read + more > this.#most) throw overLimit(this.#maxLength, 'more');
  }
}
