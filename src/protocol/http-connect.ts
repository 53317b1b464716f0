import { EPROTOCOL, EPROXY, EPROXYAUTH, IOStreamError, type ErrorCode } from '../errors.ts';
import { keepsOpen, readBody } from './http-body.ts';
import { parseChallenges, type HttpChallenge } from './http-challenge.ts';
import { isFieldValue } from './http-fields.ts';
import { readHead, type HttpHead } from './http-head.ts';
import type { Answer, Link, Talk } from './link.ts';
import { printable } from './printable.ts';
import type { Secrets } from './secrets.ts';

/** What a proxy that wants (other) credentials said. */
export interface ProxyChallenge {
  /** 407. */
  readonly status: number;
  /** Of the reply, by name in lower case; those of one name are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Proxy-Authenticate, read. */
  readonly challenges: readonly HttpChallenge[];
  /** How many times the proxy has said so on the way to this connection: 1, 2, … */
  readonly attempt: number;
}

/** What is asked for, and how. */
export interface ConnectRequest {
  /** Host and port of the target as they are sent. */
  readonly authority: string;
  /** What is sent besides Host and Proxy-Authorization. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Asked for a Proxy-Authorization after a 407; nothing, or an empty one, gives up. */
  readonly auth?: ((challenge: ProxyChallenge) => Answer<string | null | undefined>) | undefined;
}

/** What lasts when the proxy is dialled again, and how long the body of a refusal may take. */
export interface ConnectState {
  /** The value of Proxy-Authorization. */
  authorization?: string | undefined;
  /** How many times `auth` was called. */
  attempt: number;
  /** `auth` is being waited for: its answer is worth a new connection, if this one breaks meanwhile. */
  asking: boolean;
  /** How many challenges (407) came, and on how many connections. */
  challenges: number;
  connections: number;
  /** What no error and no detail may contain, even if the proxy repeats it. */
  readonly secrets: Secrets;
  /** Called when the body of a refusal is read: ends the connection if that takes too long. Returns what stops the timer. */
  startBodyTimeout(): () => void;
}

/** What the proxy said when it was through. */
export interface Tunnel {
  readonly [fact: string]: unknown;
  readonly status: number;
  readonly reply?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How often `auth` is asked on the way to one connection. Digest needs two when its nonce was stale. */
export const AUTH_ATTEMPTS = 5;

/** How many interim replies (1xx) are skipped before each reply. */
export const INTERIM_REPLIES = 16;

/**
 * Asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6). Any 2xx opens it, and the tunnel's bytes start after the empty line,
 * whatever Content-Length and Transfer-Encoding say. Gives undefined when the proxy must be dialled again for another try.
 *
 * Throws EPROXY (EPROXYAUTH for a 407) with `status`, `reply`, `headers` and `body` (its first KiB, or what came of it before the
 * `cause`, an error of the wire) when the proxy refuses.
 */
export function* httpConnect(link: Link, request: ConnectRequest, state: ConnectState): Talk<Tunnel | undefined> {
  for (let again = false; ; again = true) {
    link.send(requestText(request, state));
    let head: HttpHead;
    try {
      head = yield* readFinal(link, state.secrets);
    } catch (error) {
      // A kept connection may end or break just when it is used again.
      if (again && !hasCode(error, EPROTOCOL)) return undefined;
      throw error;
    }
    if (head.status >= 200 && head.status < 300) return factsOf(head, state.secrets);
    if (head.status === 407) countChallenge(state, again);
    const authorization = head.status === 407 ? yield* ask(link, request, state, head) : undefined;
    if (authorization === undefined) throw yield* refusal(link, request, state, head);
    state.authorization = authorization;
    state.secrets.addAuthorization(authorization);
    // As long as the handshake may take: a scheme that is bound to the connection, such as NTLM, cannot go on over another.
    if (!keepsOpen(head) || !(yield* readBody(link, head, { skip: true })).whole) return undefined;
  }
}

function requestText({ authority, headers }: ConnectRequest, { authorization }: ConnectState): string {
  const fields = [['Host', authority], ...(authorization === undefined ? [] : [['Proxy-Authorization', authorization]]), ...headers];
  return `CONNECT ${authority} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** The first reply that is not an interim one; 101 is none, though its number looks so. */
function* readFinal(link: Link, secrets: Secrets): Talk<HttpHead> {
  for (let interim = 0; interim <= INTERIM_REPLIES; interim += 1) {
    const head = yield* readHead(link, secrets);
    if (head.status >= 200 || head.status === 101) return head;
  }
  throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `expected a reply, got more than ${INTERIM_REPLIES} interim ones` });
}

/** The credentials that `auth` has for this challenge, if any. No error says what they were. */
function* ask(link: Link, { auth }: ConnectRequest, state: ConnectState, { status, headers }: HttpHead): Talk<string | undefined> {
  if (!auth || state.attempt >= AUTH_ATTEMPTS) return undefined;
  state.attempt += 1;
  const challenges = parseChallenges(headers['proxy-authenticate'] ?? '');
  let answer: unknown;
  state.asking = true;
  try {
    answer = yield* link.wait(() => auth({ status, headers, challenges, attempt: state.attempt }));
  } catch (cause) {
    throw new IOStreamError(EPROXYAUTH, { phase: 'handshake', message: 'expected credentials of `auth`, it failed', cause });
  } finally {
    state.asking = false;
  }
  if (answer === undefined || answer === null || answer === '') return undefined;
  if (typeof answer === 'string' && isFieldValue(answer)) return answer;
  const message = 'expected `auth` to give the value of Proxy-Authorization, a string without control characters, got something else';
  throw new IOStreamError(EPROXYAUTH, { phase: 'handshake', message });
}

function* refusal(link: Link, { authority }: ConnectRequest, state: ConnectState, head: HttpHead): Talk<IOStreamError> {
  const { secrets } = state;
  const { bytes, whole, stopped } = yield* bodyInTime(link, state, head);
  const cause = hasCode(stopped, EPROXY) ? undefined : stopped; // An end is none.
  // As a stream: a character that was cut off at the end is left out.
  const text = new TextDecoder().decode(bytes, { stream: true });
  const facts = { ...factsOf(head, secrets), body: whole ? secrets.hide(text) : secrets.hideCut(text) };
  const words = `expected the proxy to connect to ${authority}, got ${[head.status, printable(facts.reply ?? '')].join(' ').trimEnd()}`;
  if (head.status !== 407) return new IOStreamError(EPROXY, { phase: 'handshake', message: words, facts, cause });
  const challenges = parseChallenges(facts.headers['proxy-authenticate'] ?? '');
  const message = `${words}; it wants ${challenges.map(({ scheme }) => scheme).join(' or ') || 'credentials'}${inVain(state)}`;
  return new IOStreamError(EPROXYAUTH, { phase: 'handshake', message, facts: { ...facts, challenges }, cause });
}

function countChallenge(state: ConnectState, isKept: boolean): void {
  state.challenges += 1;
  if (!isKept) state.connections += 1;
}

/** The end of the message when no challenge was answered on the connection that it came on. */
function inVain({ connections, challenges }: ConnectState): string {
  if (challenges < 2 || challenges > connections) return '';
  return `; each of its ${challenges} challenges came on a new connection, so no scheme that is bound to one, such as NTLM, can succeed here`;
}

function* bodyInTime(link: Link, state: ConnectState, head: HttpHead): ReturnType<typeof readBody> {
  const stopTimeout = state.startBodyTimeout();
  try {
    return yield* readBody(link, head);
  } finally {
    stopTimeout();
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof IOStreamError && error.code === code;
}

/** Names that proxies say of themselves: whoever reads them finds them, whatever the password is. */
const USUAL: readonly string[] = [
  ...['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'location', 'proxy-agent'],
  ...['proxy-authenticate', 'proxy-connection', 'proxy-status', 'retry-after', 'server', 'transfer-encoding', 'via'],
];

function factsOf({ status, reason, headers }: HttpHead, secrets: Secrets): Tunnel {
  const shown = Object.entries(headers).map(([name, value]) => [USUAL.includes(name) ? name : secrets.hide(name), secrets.hide(value)]);
  return { status, ...(reason === '' ? {} : { reply: secrets.hide(reason) }), headers: Object.fromEntries(shown) as Tunnel['headers'] };
}
