import { lists, type HttpHead } from './http-head.ts';
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

/** How the end of a body is found (RFC 9112 section 6.3): after so many bytes, by its chunks, or by the end of the connection. */
function framingOf({ headers, ...head }: HttpHead): number | 'chunked' | 'close' {
  const { 'content-length': length } = headers;
  if (headers['transfer-encoding'] !== undefined) return lists({ headers, ...head }, 'transfer-encoding', 'chunked') ? 'chunked' : 'close';
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : 'close';
}

/** Whether another request may follow on the connection, once the body has been read. */
export function keepsOpen(head: HttpHead): boolean {
  const closes = ['connection', 'proxy-connection'].some((name) => lists(head, name, 'close'));
  return head.minor >= 1 && !closes && framingOf(head) !== 'close';
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

  /** RFC 9112 section 7.1. */
  *chunks(): Talk<boolean> {
    while (this.#wants()) {
      const size = /^([\da-f]{1,8})[ \t]*(?:;|$)/i.exec(yield* this.#line())?.[1];
      if (size === undefined) return false;
      if (Number.parseInt(size, 16) === 0) return yield* this.#trailers();
      if (!(yield* this.take(Number.parseInt(size, 16))) || (yield* this.#line()) !== '') return false;
    }
    return false;
  }

  *#trailers(): Talk<boolean> {
    while (this.#left > 0) if ((yield* this.#line()) === '') return true;
    return false;
  }

  *#line(): Talk<string> {
    let line = '';
    while (this.#left > 0) {
      const character = String.fromCharCode(...(yield* this.#read(1)));
      if (character === '\n') return line.replace(/\r$/, '');
      line += character;
    }
    return line;
  }

  *#read(count: number): Talk<Uint8Array> {
    this.#left -= count;
    return yield* this.#link.read(count);
  }

  #wants(): boolean {
    return this.#left > 0 && (this.#skip || this.kept.length < BODY_KEPT);
  }
}
