import { tokensOf, type HttpHead } from './http-head.ts';
import type { Link, Talk } from './link.ts';

/** What was read of a body. */
export interface HttpBody {
  /** Its first {@link BODY_KEPT} bytes. */
  readonly bytes: Uint8Array;
  /** It was read to its end: what comes next is another reply. */
  readonly whole: boolean;
  /** What stopped the reading before that: the end of the peer, or an error of the wire. */
  readonly stopped?: unknown;
}

/** How many bytes of a body are kept. */
export const BODY_KEPT = 1024;

/** How many bytes of a body are read at the most, chunk sizes and trailers included, to get behind it. */
export const BODY_LIMIT: number = 64 * 1024;

/** How many digits the size of a chunk may have. */
const MAX_SIZE_DIGITS = 8;

/**
 * How the end of a body is found (RFC 9112 section 6.3): by its length, by its chunks, or by the end of the connection.
 * Several equal lengths are one (section 6.3); chunks of HTTP/1.0 are not trusted (section 6.1).
 */
function framingOf(head: HttpHead): number | 'chunked' | 'close' {
  const { 'content-length': length = '', 'transfer-encoding': encoding } = head.headers;
  if (encoding !== undefined) return head.minor >= 1 && tokensOf(head, 'transfer-encoding').at(-1) === 'chunked' ? 'chunked' : 'close';
  const digits = /^(\d{1,15})(?:[ \t]*,[ \t]*\1)*$/.exec(length)?.[1];
  return digits === undefined ? 'close' : Number(digits);
}

/** Whether another request may follow on the connection, once the body has been read: HTTP/1.0 keeps it on request only. */
export function keepsOpen(head: HttpHead): boolean {
  const lists = (token: string): boolean => ['connection', 'proxy-connection'].some((name) => tokensOf(head, name).includes(token));
  return (head.minor >= 1 || lists('keep-alive')) && !lists('close') && framingOf(head) !== 'close';
}

/**
 * Reads what follows a head: the first KiB, or with `skip` up to the end within {@link BODY_LIMIT} bytes. Malformed chunks and
 * an early end or an error of the connection end it too; it never throws.
 */
export function* readBody(link: Link, head: HttpHead, { skip = false }: { readonly skip?: boolean } = {}): Talk<HttpBody> {
  const body = new Body(link, skip);
  const framing = framingOf(head);
  try {
    const whole = yield* framing === 'chunked' ? body.chunks() : body.take(framing === 'close' ? Infinity : framing);
    return { bytes: Uint8Array.from(body.kept), whole };
  } catch (stopped) {
    return { bytes: Uint8Array.from(body.kept), whole: false, stopped };
  }
}

class Body {
  readonly kept: number[] = [];
  readonly #link: Link;
  readonly #skip: boolean;
  #left = BODY_LIMIT;

  constructor(link: Link, skip: boolean) {
    this.#link = link;
    this.#skip = skip;
  }

  /** Reads so many bytes, or as many as are wanted; says whether it was all. What is kept is read byte by byte: the end may come. */
  *take(count: number): Talk<boolean> {
    let left = count;
    while (left > 0 && this.#wants()) {
      const keep = this.kept.length < BODY_KEPT;
      const bytes = yield* this.#read(keep ? 1 : Math.min(left, this.#left, BODY_KEPT));
      if (keep) this.kept.push(...bytes);
      left -= bytes.length;
    }
    return left === 0;
  }

  /** RFC 9112 section 7.1. Ends at the first byte that can be no part of it. */
  *chunks(): Talk<boolean> {
    while (this.#wants()) {
      const size = yield* this.#size();
      if (size === undefined) return false;
      if (size === 0) return yield* this.#trailers();
      if (!(yield* this.take(size)) || !(yield* this.#isEnd(yield* this.#character()))) return false;
    }
    return false;
  }

  /** The size in hex, maybe spaces and an extension, and the end of the line. */
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

  /** Up to LF; undefined at the limit. */
  *#line(): Talk<string | undefined> {
    let line = '';
    for (let next = yield* this.#character(); next !== ''; next = yield* this.#character()) {
      if (next === '\n') return line.replace(/\r$/, '');
      line += next;
    }
    return undefined;
  }

  /** Whether this character is the end of a line: LF, or CR with LF behind it. */
  *#isEnd(character: string): Talk<boolean> {
    return character === '\n' || (character === '\r' && (yield* this.#character()) === '\n');
  }

  /** The next character; none at the limit. */
  *#character(): Talk<string> {
    return this.#left > 0 ? String.fromCharCode(...(yield* this.#read(1))) : '';
  }

  *#read(count: number): Talk<Uint8Array> {
    this.#left -= count;
    return yield* this.#link.read(count);
  }

  #wants(): boolean {
    return this.#left > 0 && (this.#skip || this.kept.length < BODY_KEPT);
  }
}
