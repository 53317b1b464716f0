import type { OperatorFunction } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { GeneratorRunner } from '../protocol/generator-runner.ts';
import type { Link } from '../protocol/link.ts';
import type { Talk } from '../protocol/need.ts';
import { readCount, readUntil } from '../protocol/pending-read.ts';
import { decodeWith } from './decode-with.ts';
import type { Decoder } from './decoder.ts';
import { receivedTooLong, truncated } from './frame-errors.ts';

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

/** Creates the `decode` of a codec whose messages are read by a generator. */
export function parseWith<T>(parse: Parse<T>, limits: ParserLimits): () => OperatorFunction<Uint8Array, T> {
  return () => decodeWith(() => new Parser(parse, limits));
}

/** Decodes messages by running a new generator for each of them, as the bytes arrive. */
class Parser<T> implements Decoder<T> {
  readonly #parse: Parse<T>;
  readonly #runner: GeneratorRunner<T>;
  readonly #reader: Reader;

  constructor(parse: Parse<T>, { maxLength, overhead = 0 }: ParserLimits) {
    const limit = { bytes: maxLength + overhead, error: () => receivedTooLong(maxLength) };
    const runner = new GeneratorRunner<T>({ phase: 'read', limit });
    this.#parse = parse;
    this.#runner = runner;
    this.#reader = {
      read: (count) => readCount(count, runner),
      readUntil: (delimiter, limit, whole) => readUntil(delimiter, limit, runner, whole),
    };
  }

  *push(bytes: Uint8Array): Generator<T, void> {
    const { unread } = this.#runner;
    unread.appendBriefly(bytes);
    for (let message = this.#nextMessage(); message; message = this.#nextMessage()) yield message.value;
    unread.compact();
  }

  finish(): Iterable<T> {
    const { need, consumed, unread } = this.#runner;
    const received = need ? consumed + unread.length : unread.length;
    if (received > 0) throw truncated(received);
    return [];
  }

  /** Runs the `finally` blocks of an unfinished generator. */
  free(): void {
    this.#runner.return();
  }

  /** Decodes one message. Returns undefined if its bytes have not arrived yet. */
  #nextMessage(): { readonly value: T } | undefined {
    const runner = this.#runner;
    const isContinued = runner.need !== undefined;
    if (!isContinued && runner.unread.length === 0) return undefined;
    try {
      const result = isContinued ? runner.resume() : runner.start(this.#parse(this.#reader));
      if (!result.done) {
        if (runner.need && 'wait' in runner.need) throw new TypeError('expected the generator of a codec to wait for bytes only');
        return undefined;
      }
      if (runner.consumed > 0) return result;
      throw new TypeError('expected the generator of a codec to read at least one byte for each message, it read none');
    } catch (error) {
      throw IOStreamError.from(error, { phase: 'read' });
    }
  }
}
