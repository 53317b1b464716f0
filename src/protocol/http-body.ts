import { tokensOf, type HttpHead } from './http-head.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';

/** The result of reading a body. */
export interface HttpBody {
  /** Its first {@link MAX_KEPT_BYTES} bytes. */
  readonly bytes: Uint8Array;
  /** Whether the body was read to its end. If so, the next bytes belong to another reply. */
  readonly whole: boolean;
  /** Why reading stopped early: the end of the peer, or an error of the wire. */
  readonly stopped?: unknown;
}

/** The maximum number of body bytes that are kept. */
export const MAX_KEPT_BYTES = 1024;

/** The maximum number of bytes that are read to skip a body, including chunk sizes and trailers. */
export const BODY_LIMIT: number = 64 * 1024;

/** The maximum number of digits in a chunk size. */
const MAX_SIZE_DIGITS = 8;

/**
 * Returns how the body is delimited (RFC 9112 section 6.3): by its length, by chunks, or by the end of the connection. Repeated equal
 * lengths count as one (section 6.3). Chunked HTTP/1.0 replies are not trusted (section 6.1).
 */
function framingOf(head: HttpHead): number | 'chunked' | 'close' {
  const { 'content-length': length = '', 'transfer-encoding': encoding } = head.headers;
  if (encoding !== undefined) return head.minor >= 1 && tokensOf(head, 'transfer-encoding').at(-1) === 'chunked' ? 'chunked' : 'close';
  const digits = /^(\d{1,15})(?:[ \t]*,[ \t]*\1)*$/.exec(length)?.[1];
  return digits === undefined ? 'close' : Number(digits);
}

/** Returns whether the connection can be reused after this body. HTTP/1.0 requires an explicit `keep-alive`. */
export function keepsOpen(head: HttpHead): boolean {
  const lists = (token: string): boolean => ['connection', 'proxy-connection'].some((name) => tokensOf(head, name).includes(token));
  return (head.minor >= 1 || lists('keep-alive')) && !lists('close') && framingOf(head) !== 'close';
}

/**
 * Reads the body after a head: the first KiB, or with `skip` up to the end within {@link BODY_LIMIT} bytes. Malformed chunks, an early
 * end and an error of the connection stop the reading. Does not throw for any of them.
 */
export function* readBody(link: Link, head: HttpHead, { skip = false }: { readonly skip?: boolean } = {}): Talk<HttpBody> {
  const body = new BodyReader(link, skip);
  const framing = framingOf(head);
  try {
    const whole = yield* framing === 'chunked' ? body.chunks() : body.take(framing === 'close' ? Infinity : framing);
    return { bytes: Uint8Array.from(body.kept), whole };
  } catch (stopped) {
    return { bytes: Uint8Array.from(body.kept), whole: false, stopped };
  }
}

class BodyReader {
  readonly kept: number[] = [];
  readonly #link: Link;
  readonly #skip: boolean;
  #left = BODY_LIMIT;

  constructor(link: Link, skip: boolean) {
    this.#link = link;
    this.#skip = skip;
  }

  /**
   * Reads `count` bytes, or fewer at a limit. Returns whether all were read. The kept part is read byte by byte, so that an early end
   * loses none of it.
   */
  *take(count: number): Talk<boolean> {
    let left = count;
    while (left > 0 && this.#wants()) {
      const keep = this.kept.length < MAX_KEPT_BYTES;
      const bytes = yield* this.#read(keep ? 1 : Math.min(left, this.#left, MAX_KEPT_BYTES));
      if (keep) this.kept.push(...bytes);
      left -= bytes.length;
    }
    return left === 0;
  }

  /** Reads a chunked body (RFC 9112 section 7.1). Stops at the first invalid byte. */
  *chunks(): Talk<boolean> {
    while (this.#wants()) {
      const size = yield* this.#size();
      if (size === undefined) return false;
      if (size === 0) return yield* this.#trailers();
      if (!(yield* this.take(size)) || !(yield* this.#isEnd(yield* this.#character()))) return false;
    }
    return false;
  }

  /** Reads the chunk size in hexadecimal, optional spaces, an optional extension, and the line ending. */
  *#size(): Talk<number | undefined> {
    let digits = '';
    let next = yield* this.#character();
    for (; /[\da-f]/i.test(next) && digits.length < MAX_SIZE_DIGITS; next = yield* this.#character()) digits += next;
    if (digits === '') return undefined;
    while (next === ' ' || next === '\t') next = yield* this.#character();
    const isEnd = next === ';' ? (yield* this.#line()) !== undefined : yield* this.#isEnd(next);
    return isEnd ? Number.parseInt(digits, 16) : undefined;
  }

  *#trailers(): Talk<boolean> {
    for (;;) {
      const line = yield* this.#line();
      if (line === undefined || line === '') return line === '';
    }
  }

  /** Reads up to LF. Returns undefined at the limit. */
  *#line(): Talk<string | undefined> {
    let line = '';
    for (let next = yield* this.#character(); next !== ''; next = yield* this.#character()) {
      if (next === '\n') return line.replace(/\r$/, '');
      line += next;
    }
    return undefined;
  }

  /** Returns whether this character ends the line: LF, or CR followed by LF. */
  *#isEnd(character: string): Talk<boolean> {
    return character === '\n' || (character === '\r' && (yield* this.#character()) === '\n');
  }

  /** Reads the next character. Returns an empty string at the limit. */
  *#character(): Talk<string> {
    return this.#left > 0 ? String.fromCharCode(...(yield* this.#read(1))) : '';
  }

  *#read(count: number): Talk<Uint8Array> {
    this.#left -= count;
    return yield* this.#link.read(count);
  }

  #wants(): boolean {
    return this.#left > 0 && (this.#skip || this.kept.length < MAX_KEPT_BYTES);
  }
}
