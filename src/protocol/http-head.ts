import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { isToken } from './http-fields.ts';
import type { Link, Talk } from './link.ts';
import { Secrets } from './secrets.ts';
import { whatCame } from './what-came.ts';

/** A reply of an HTTP/1 peer up to its empty line (RFC 9112 sections 4 and 5). All text is Latin-1: a byte a character. */
export interface HttpHead {
  /** The second number of the version: 1 for HTTP/1.1. */
  readonly minor: number;
  readonly status: number;
  /** The reason phrase, which may be empty. */
  readonly reason: string;
  /** By name in lower case; fields of one name are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How many bytes a head may have, the status line and the empty line included. */
export const HEAD_LIMIT: number = 16 * 1024;

const VERSION = 'HTTP/1.';

/**
 * Reads a head of at most {@link HEAD_LIMIT} bytes. A line ends with CRLF, or with LF alone.
 *
 * A line that begins with a space or tab goes on with the header before it: the fold is read as a space (RFC 9112 section 5.2).
 *
 * **Errors**: EPROTOCOL for all that is malformed, at the first byte that cannot be: another version than HTTP/1, no status, a
 * control character (NUL, a lone CR), and any line that is not `name: value` – no colon, a space before the colon, or a fold
 * without a header before it (RFC 9112 sections 2.2 and 5.1).
 *
 * @param secrets what the peer may repeat, and an error must not contain.
 */
export function* readHead(link: Link, secrets: Secrets = new Secrets()): Talk<HttpHead> {
  const characters = new Characters(link);
  const status = yield* statusLine(characters, (read) => whatCame(link, read, secrets));
  return { ...status, headers: yield* fields(characters) };
}

/** RFC 9112 section 4. The reason may be missing, with the space before it. */
function* statusLine(characters: Characters, whatCame: (read: string) => string): Talk<Omit<HttpHead, 'headers'>> {
  let read = '';
  function* next(test: Test): Talk<string> {
    const character = yield* characters.next(test, (wrong) => `a status line of HTTP/1, got ${whatCame(read + wrong)}`);
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
  /** The value, and what it was folded into. */
  readonly lines: string[];
}

/** RFC 9112 section 5: the headers by name, up to the empty line. */
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

/** What a character must be. */
type Test = (character: string) => boolean;

/** Reads character by character: what can be no head is refused at once, not when its line has ended. */
class Characters {
  readonly #link: Link;
  #remaining = HEAD_LIMIT;

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * The next character if it passes the test; the end of a line, CRLF or LF, is `\n`.
   *
   * @param wrong returns what was expected and what came, given the character that did not pass.
   */
  *next(test: Test, wrong: (character: string) => string): Talk<string> {
    const character = yield* this.#read();
    if (character === '\r' && test('\n')) {
      if ((yield* this.#read()) === '\n') return '\n';
      throw malformed(noText());
    }
    if (character === '\r' || !test(character)) throw malformed(wrong(character));
    return character;
  }

  *#read(): Talk<string> {
    if (this.#remaining === 0) throw protocolError(`expected the end of the reply within ${HEAD_LIMIT} bytes, got more`);
    this.#remaining -= 1;
    return String.fromCharCode(...(yield* this.#link.read(1)));
  }
}

const noField = (): string => 'headers that are `name: value`, got a line that is not';
const noText = (): string => 'lines without control characters, got one that has some';

function malformed(words: string): IOStreamError {
  return protocolError(`expected of the reply ${words}`);
}

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

/** No control character but the tab: so neither NUL nor a CR without its LF. */
function isText(character: string): boolean {
  return (character >= ' ' && character !== '\x7f') || character === '\t';
}

/** The tokens of a header that lists them, such as Connection; in lower case. */
export function tokensOf(head: HttpHead, name: string): readonly string[] {
  return (head.headers[name] ?? '').split(',').map((each) => trimmed(each).toLowerCase());
}

/** Without spaces and tabs around it. By hand: a regular expression is quadratic in spaces, and `trim` takes Latin-1's too. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (start < end && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}
