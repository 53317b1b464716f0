import { EPROTOCOL, IOStreamError } from '../errors.ts';
import { isToken } from './http-fields.ts';
import type { Link, Talk } from './link.ts';
import { Secrets } from './secrets.ts';

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

const LF = Uint8Array.of(10);
const VERSION = 'HTTP/1.';
const STATUS = /^(\d)[ \t]+([1-9]\d\d)(?=[ \t]|$)/;
/** No control characters but the tab: so neither NUL nor a CR without its LF. */
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads a head of at most {@link HEAD_LIMIT} bytes, searched once however they were cut. A line ends with CRLF, or with LF alone.
 *
 * One rule for all that is malformed, EPROTOCOL: another version than HTTP/1, no status, a control character (NUL, a lone CR),
 * and any line that is not `name: value` – no colon, space before the colon, or folded (RFC 9112 sections 5.1 and 5.2). No
 * header of such a reply is worth a guess.
 *
 * @param secrets what the peer may repeat, and an error must not tell.
 */
export function* readHead(link: Link, secrets: Secrets = new Secrets()): Talk<HttpHead> {
  // Asked for first, so that a peer that speaks something else is not listened to until the limit.
  const version = textOf(yield* link.read(VERSION.length));
  let left = HEAD_LIMIT - VERSION.length;
  function* line(): Talk<string> {
    if (left === 0) throw malformed(`its head within ${HEAD_LIMIT} bytes`, 'more');
    const bytes = yield* link.readUntil(LF, left, HEAD_LIMIT);
    left -= bytes.length;
    const text = textOf(bytes.subarray(0, bytes.at(-2) === 13 ? -2 : -1));
    if (!TEXT.test(text)) throw malformed('lines without control characters', 'one that has some');
    return text;
  }
  if (version !== VERSION) throw malformed('an HTTP/1 reply', `something that starts with ${JSON.stringify(secrets.hideCut(version))}`);
  const first = yield* line();
  const found = STATUS.exec(first);
  if (!found) throw malformed('a status line', JSON.stringify(secrets.hide(`${version}${first}`).slice(0, 80)));
  const headers = new Map<string, string>();
  for (let text = yield* line(); text !== ''; text = yield* line()) {
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon)).toLowerCase();
    if (!isToken(name)) throw malformed('headers that are `name: value`', 'a line that is not');
    const value = trimmed(text.slice(colon + 1));
    const others = headers.get(name);
    headers.set(name, others === undefined ? value : `${others}, ${value}`);
  }
  return {
    minor: Number(found[1]),
    status: Number(found[2]),
    reason: trimmed(first.slice(found[0].length)),
    headers: Object.fromEntries(headers),
  };
}

/** Whether a header that lists tokens, such as Connection, has this one. */
export function lists(head: HttpHead, name: string, token: string): boolean {
  return (head.headers[name] ?? '').split(',').some((each) => trimmed(each).toLowerCase() === token);
}

function malformed(expected: string, got: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `expected of the reply ${expected}, got ${got}` });
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Without spaces and tabs around it. By hand: a regular expression is quadratic in spaces, and `trim` takes Latin-1's too. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (start < end && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
