import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { isToken } from './http-fields.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { Secrets } from './secrets.ts';
import { quoteReceived } from './quote-received.ts';

/** The head of an HTTP/1 reply, up to its empty line (RFC 9112 sections 4 and 5). All text is Latin-1: each byte is one character. */
export interface HttpHead {
  /** The minor version: 1 for HTTP/1.1. */
  readonly minor: number;
  readonly status: number;
  /** The reason phrase, possibly empty. */
  readonly reason: string;
  /** The headers by lower-case name. Repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The maximum size of a head in bytes, including the status line and the empty line. */
export const HEAD_LIMIT: number = 16 * 1024;

const VERSION = 'HTTP/1.';

/**
 * Reads a head of at most {@link HEAD_LIMIT} bytes. A line ends with CRLF, or with LF alone.
 *
 * A line that starts with a space or tab continues the header before it. The fold is read as a space (RFC 9112 section 5.2).
 *
 * **Errors**
 * - EPROTOCOL for a malformed head, reported at the first invalid byte: a version other than HTTP/1, no status, or a control character
 *   (NUL, a CR without LF).
 * - EPROTOCOL for a line that is not `name: value`: no colon, a space before the colon, or a fold without a header before it (RFC 9112
 *   sections 2.2 and 5.1).
 *
 * @param secrets texts that the peer may repeat and that errors must not contain.
 */
export function* readHead(link: Link, secrets: Secrets = new Secrets()): Talk<HttpHead> {
  const characters = new Characters(link);
  const status = yield* statusLine(characters, (read) => quoteReceived(link, read, secrets));
  return { ...status, headers: yield* fields(characters) };
}

/** Reads the status line (RFC 9112 section 4). The reason and the space before it are optional. */
function* statusLine(characters: Characters, quote: (read: string) => string): Talk<Omit<HttpHead, 'headers'>> {
  let read = '';
  function* next(test: Test): Talk<string> {
    const character = yield* characters.next(test, (wrong) => `the reply has no status line of HTTP/1: ${quote(read + wrong)}`);
    read += character;
    return character;
  }
  for (const wanted of VERSION) yield* next((character) => character === wanted);
  const minor = Number(yield* next(isDigit));
  let first = yield* next(isBlank);
  while (isBlank(first)) first = yield* next((character) => isBlank(character) || (isDigit(character) && character !== '0'));
  const status = Number(first + (yield* next(isDigit)) + (yield* next(isDigit)));
  const end = yield* next((character) => isBlank(character) || isEnd(character));
  return { minor, status, reason: isEnd(end) ? '' : trimmed(yield* restOfLine(characters)) };
}

interface Field {
  readonly name: string;
  /** The first line of the value and its folded lines. */
  readonly lines: string[];
}

/** Reads the headers by name, up to the empty line (RFC 9112 section 5). */
function* fields(characters: Characters): Talk<HttpHead['headers']> {
  const read: Field[] = [];
  for (;;) {
    const last = read.at(-1);
    const first = yield* characters.next((each) => isToken(each) || isEnd(each) || (isBlank(each) && last !== undefined), noField);
    if (isEnd(first)) return joined(read);
    const isFold = last !== undefined && isBlank(first);
    const field = isFold ? last : { name: (yield* restOfName(characters, first)).toLowerCase(), lines: [] };
    if (!isFold) read.push(field);
    field.lines.push(trimmed(yield* restOfLine(characters)));
  }
}

function joined(read: readonly Field[]): HttpHead['headers'] {
  const headers = new Map<string, string>();
  for (const { name, lines } of read) {
    const value = lines.filter((line) => line !== '').join(' ');
    const others = headers.get(name);
    headers.set(name, others === undefined ? value : `${others}, ${value}`);
  }
  return Object.fromEntries(headers);
}

function* restOfName(characters: Characters, first: string): Talk<string> {
  let name = first;
  for (;;) {
    const character = yield* characters.next((each) => isToken(each) || each === ':', noField);
    if (character === ':') return name;
    name += character;
  }
}

function* restOfLine(characters: Characters): Talk<string> {
  let line = '';
  for (;;) {
    const character = yield* characters.next((each) => isText(each) || isEnd(each), noText);
    if (isEnd(character)) return line;
    line += character;
  }
}

/** Tests whether a character is allowed. */
type Test = (character: string) => boolean;

/** Reads character by character, so that an invalid head is rejected at once and not at the end of its line. */
class Characters {
  readonly #link: Link;
  #remaining = HEAD_LIMIT;

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Reads the next character and applies the test. A line ending, CRLF or LF, is returned as `\n`.
   *
   * @param wrong returns the error message for a character that fails the test.
   */
  *next(test: Test, wrong: (character: string) => string): Talk<string> {
    const character = yield* this.#read();
    if (character === '\r' && test('\n')) {
      if ((yield* this.#read()) === '\n') return '\n';
      throw protocolError(noText());
    }
    if (character === '\r' || !test(character)) throw protocolError(wrong(character));
    return character;
  }

  *#read(): Talk<string> {
    if (this.#remaining === 0) throw protocolError(`the head of the reply is larger than ${HEAD_LIMIT} bytes`);
    this.#remaining -= 1;
    return String.fromCharCode(...(yield* this.#link.read(1)));
  }
}

const noField = (): string => 'a header line of the reply is not `name: value`';
const noText = (): string => 'a line of the reply contains a control character';

function protocolError(message: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message });
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function isEnd(character: string): boolean {
  return character === '\n';
}

/** Returns whether the character is allowed in text: no control characters except tab, so neither NUL nor a CR without LF. */
function isText(character: string): boolean {
  return (character >= ' ' && character !== '\x7f') || character === '\t';
}

/** Returns the tokens of a list header such as Connection, in lower case. */
export function tokensOf(head: HttpHead, name: string): readonly string[] {
  return (head.headers[name] ?? '').split(',').map((each) => trimmed(each).toLowerCase());
}

/** Removes surrounding spaces and tabs. A regular expression would take quadratic time, and `trim` also removes other Latin-1 spaces. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (start < end && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}
