import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { ByteBuffer } from '../protocol/byte-buffer.ts';
import type { Link, Need, Talk } from '../protocol/link.ts';
import type { Decoder } from './decoder.ts';
import { receivedTooLong, truncated } from './frame-errors.ts';
import { Piece } from './piece.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';

/** The reading methods for the generator of a codec. */
export type Reader = Pick<Link, 'read' | 'readUntil'>;

/** Reads one message. */
export type Parse<T> = (link: Reader) => Talk<T>;

/** Limits of a message, in bytes. */
export interface ParserLimits {
  readonly maxLength: number;
  /** Bytes allowed beyond `maxLength`, for headers and delimiters. */
  readonly overhead?: number;
}

/** Decodes messages by running a new generator for each of them, as the bytes arrive. */
export class Parser<T> implements Decoder<T> {
  readonly #parse: Parse<T>;
  readonly #maxLength: number;
  readonly #most: number;
  readonly #unread = new ByteBuffer();
  readonly #reader: Reader;
  /** The generator of an incomplete message, and its current need. */
  #talk: Talk<T> | undefined;
  #need: Need | undefined;
  /** Number of bytes read by it, and the offset up to which its delimiter has been searched for. */
  #read = 0;
  #searched = 0;
  #running = false;
  #freed = false;

  constructor(parse: Parse<T>, { maxLength, overhead = 0 }: ParserLimits) {
    this.#parse = parse;
    this.#maxLength = maxLength;
    this.#most = maxLength + overhead;
    const take = (need: Need): Uint8Array | undefined => this.#take(need);
    this.#reader = {
      read: (count) => Piece.ofLength(count, take),
      readUntil: (delimiter, limit, whole) => Piece.upTo(delimiter, limit, take, whole),
    };
  }

  *push(bytes: Uint8Array): Generator<T, void> {
    this.#unread.append(bytes);
    for (let made = this.#step(); made; made = this.#step()) yield made.value;
  }

  finish(): Iterable<T> {
    const begun = this.#read + this.#unread.length;
    if (begun > 0) throw truncated(begun);
    return [];
  }

  /** Runs the `finally` blocks of the generator: now, or after the current step if the generator itself caused the call. */
  free(): void {
    this.#freed = true;
    if (!this.#running) this.#talk?.return(undefined as T);
  }

  /** Decodes one message. Returns undefined if its bytes have not arrived yet. */
  #step(): { readonly value: T } | undefined {
    if (!this.#talk && this.#unread.length === 0) return undefined;
    this.#running = true;
    try {
      return this.#run((this.#talk ??= this.#parse(this.#reader)));
    } catch (error) {
      throw IOStreamError.from(error, { phase: 'read' });
    } finally {
      this.#running = false;
      if (this.#freed) this.#talk?.return(undefined as T);
    }
  }

  #run(talk: Talk<T>): { readonly value: T } | undefined {
    let bytes = this.#need ? this.#take(this.#need) : EMPTY_BYTES;
    while (bytes) {
      const result = talk.next(bytes);
      if (result.done) return this.#made(result);
      if (this.#freed) return undefined;
      this.#need = result.value;
      bytes = this.#take(this.#need);
    }
    if (this.#need) this.#checkRoom(this.#need);
    return undefined;
  }

  #made(message: { readonly value: T }): { readonly value: T } {
    if (this.#read === 0) throw new TypeError('expected the generator of a codec to read at least one byte for each message, it read none');
    this.#talk = undefined;
    this.#need = undefined;
    this.#read = 0;
    return message;
  }

  /** Takes the bytes that satisfy the need. Returns undefined if they have not arrived, or exceed the limit. */
  #take(need: Need): Uint8Array | undefined {
    const length = this.#freed ? undefined : this.#available(need);
    if (length === undefined) return undefined;
    this.#searched = 0;
    this.#read += length;
    return this.#unread.take(length);
  }

  #available(need: Need): number | undefined {
    if ('wait' in need) return undefined;
    const room = this.#most - this.#read;
    if ('count' in need) return need.count <= Math.min(this.#unread.length, room) ? need.count : undefined;
    const { until, limit } = need;
    const seen = Math.min(this.#unread.length, limit, room);
    const found = this.#unread.indexOf(until, this.#searched, seen);
    if (found >= 0) return found + until.length;
    this.#searched = Math.max(0, seen - until.length + 1);
    return undefined;
  }

  /** Called if the need is not satisfied. Throws if further bytes cannot satisfy it within the limits. */
  #checkRoom(need: Need): void {
    if ('wait' in need) throw new TypeError('expected the generator of a codec to wait for bytes only');
    const room = this.#most - this.#read;
    const least = 'count' in need ? need.count : this.#unread.length + 1;
    if ('limit' in need && need.limit <= room && need.limit < least) {
      const message = `expected the delimiter within ${need.whole ?? need.limit} bytes, itself included, got more`;
      throw new IOStreamError(EPROTOCOL, { phase: 'read', message });
    }
    if (least > room) throw receivedTooLong(this.#maxLength);
  }
}
