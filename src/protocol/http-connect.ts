import { EPROTOCOL, EPROXY, EPROXYAUTH, IOStreamError, type ErrorCode } from '../errors.ts';
import { keepsOpen, readBody } from './http-body.ts';
import { parseChallenges, type HttpChallenge } from './http-challenge.ts';
import { isFieldValue } from './http-fields.ts';
import { readHead, type HttpHead } from './http-head.ts';
import type { Link } from './link.ts';
import type { Answer, Talk } from './need.ts';
import { printable } from './printable.ts';
import type { Secrets } from './secrets.ts';

/** The challenge of a proxy that requires (different) credentials. */
export interface ProxyChallenge {
  /** The status code, 407. */
  readonly status: number;
  /** The headers of the reply by lower-case name. Repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed Proxy-Authenticate header. */
  readonly challenges: readonly HttpChallenge[];
  /** The number of calls of `auth` for this connection, this one included: 1, 2, … */
  readonly attempt: number;
}

/** The parameters of a CONNECT request. */
export interface ConnectRequest {
  /** Host and port of the target, in the form that is sent. */
  readonly authority: string;
  /** Headers to send in addition to Host and Proxy-Authorization. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Called after a 407; returns the value of Proxy-Authorization. Nothing, or an empty string, gives up. */
  readonly auth?: ((challenge: ProxyChallenge) => Answer<string | null | undefined>) | undefined;
}

/** State that survives redialling the proxy, and the time limit for the body of a refusal. */
export interface ConnectState {
  /** The value of Proxy-Authorization. */
  authorization?: string | undefined;
  /** How many times `auth` was called. */
  attempt: number;
  /** Whether a call of `auth` is pending. If the connection breaks meanwhile, its answer is used for a new connection. */
  asking: boolean;
  /** The number of 407 challenges received, and the number of connections they came on. */
  challenges: number;
  connections: number;
  /** Texts that no error and no detail may contain, even if the proxy repeats them. */
  readonly secrets: Secrets;
  /** Starts a timer while the body of a refusal is read. On expiry it ends the connection. Returns a function that stops the timer. */
  startBodyTimeout(): () => void;
}

/** The proxy's successful reply. */
export interface Tunnel {
  readonly [fact: string]: unknown;
  readonly status: number;
  readonly reply?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The maximum number of `auth` calls for one connection. Digest needs two if its nonce was stale. */
export const AUTH_ATTEMPTS = 5;

/** The maximum number of interim replies (1xx) skipped before each final reply. */
export const INTERIM_REPLIES = 16;

/**
 * Requests a tunnel from an HTTP proxy (RFC 9110 section 9.3.6). Any 2xx opens the tunnel. Its bytes start after the empty line,
 * whatever Content-Length and Transfer-Encoding declare. Returns undefined if the proxy must be dialled again for another attempt.
 *
 * Throws EPROXY (EPROXYAUTH for a 407) if the proxy refuses, with `status`, `reply`, `headers` and `body` (its first KiB). If an error
 * of the wire interrupts the body, `body` holds the part received, and that error is the `cause`.
 */
export function* httpConnect(link: Link, request: ConnectRequest, state: ConnectState): Talk<Tunnel | undefined> {
  for (let again = false; ; again = true) {
    link.send(requestText(request, state));
    let head: HttpHead;
    try {
      head = yield* readFinal(link, state.secrets);
    } catch (error) {
      // A kept-alive connection may end or break at the moment of its reuse.
      if (again && !hasCode(error, EPROTOCOL)) return undefined;
      throw error;
    }
    if (head.status >= 200 && head.status < 300) return factsOf(head, state.secrets);
    if (head.status === 407) countChallenge(state, again);
    const authorization = head.status === 407 ? yield* ask(link, request, state, head) : undefined;
    if (authorization === undefined) throw yield* refusal(link, request, state, head);
    state.authorization = authorization;
    state.secrets.addAuthorization(authorization);
    // Limited only by the handshake timeout: a scheme that is bound to the connection, such as NTLM, cannot continue on another one.
    if (!keepsOpen(head) || !(yield* readBody(link, head, { skip: true })).whole) return undefined;
  }
}

function requestText({ authority, headers }: ConnectRequest, { authorization }: ConnectState): string {
  const fields = [['Host', authority], ...(authorization === undefined ? [] : [['Proxy-Authorization', authorization]]), ...headers];
  return `CONNECT ${authority} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Reads the first reply that is not interim. 101 counts as final, although it is a 1xx. */
function* readFinal(link: Link, secrets: Secrets): Talk<HttpHead> {
  for (let interim = 0; interim <= INTERIM_REPLIES; interim += 1) {
    const head = yield* readHead(link, secrets);
    if (head.status >= 200 || head.status === 101) return head;
  }
  throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `expected a reply, got more than ${INTERIM_REPLIES} interim ones` });
}

/** Calls `auth` for the credentials of this challenge, if possible. No error quotes its answer. */
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
  const cause = hasCode(stopped, EPROXY) ? undefined : stopped; // The end of the peer is not an error.
  // Streaming mode omits an incomplete character at the end.
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

/** Returns the end of the message if every challenge came on a new connection. */
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

/** Header names that are shown even if they contain a secret: the proxy sends them in any case. */
const DEFAULT_ADVICE: readonly string[] = [
  ...['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'location', 'proxy-agent'],
  ...['proxy-authenticate', 'proxy-connection', 'proxy-status', 'retry-after', 'server', 'transfer-encoding', 'via'],
];

function factsOf({ status, reason, headers }: HttpHead, secrets: Secrets): Tunnel {
  const shown = Object.entries(headers).map(([name, value]) => [
    DEFAULT_ADVICE.includes(name) ? name : secrets.hide(name),
    secrets.hide(value),
  ]);
  return { status, ...(reason === '' ? {} : { reply: secrets.hide(reason) }), headers: Object.fromEntries(shown) as Tunnel['headers'] };
}
