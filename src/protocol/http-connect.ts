import { EPROTOCOL, EPROXYAUTH, IOStreamError, type ErrorCode } from '../errors.ts';
import { connectFacts } from './connect-facts.ts';
import { connectRefusal } from './connect-refusal.ts';
import type { ConnectRequest, ConnectState, Tunnel } from './connect-request.ts';
import { keepsOpen, readBody } from './http-body.ts';
import { parseChallenges } from './http-challenge.ts';
import { isFieldValue } from './http-fields.ts';
import { readHead, type HttpHead } from './http-head.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import type { Secrets } from './secrets.ts';

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
    if (head.status >= 200 && head.status < 300) return connectFacts(head, state.secrets);
    if (head.status === 407) countChallenge(state, again);
    const authorization = head.status === 407 ? yield* askForAuthorization(link, request, state, head) : undefined;
    if (authorization === undefined) throw yield* connectRefusal(link, request, state, head);
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
  throw new IOStreamError(EPROTOCOL, { phase: 'handshake', message: `the proxy sent more than ${INTERIM_REPLIES} interim replies` });
}

/** Calls `auth` for the credentials of this challenge, if possible. No error quotes its answer. */
function* askForAuthorization(
  link: Link,
  { auth }: ConnectRequest,
  state: ConnectState,
  { status, headers }: HttpHead,
): Talk<string | undefined> {
  if (!auth || state.attempt >= AUTH_ATTEMPTS) return undefined;
  state.attempt += 1;
  const challenges = parseChallenges(headers['proxy-authenticate'] ?? '');
  let answer: unknown;
  state.isAsking = true;
  try {
    answer = yield* link.wait(() => auth({ status, headers, challenges, attempt: state.attempt }));
  } catch (cause) {
    throw new IOStreamError(EPROXYAUTH, { phase: 'handshake', message: '`auth` failed', cause });
  } finally {
    state.isAsking = false;
  }
  if (answer === undefined || answer === null || answer === '') return undefined;
  if (typeof answer === 'string' && isFieldValue(answer)) return answer;
  const message = 'expected `auth` to return the value of Proxy-Authorization, a string without control characters, got something else';
  throw new IOStreamError(EPROXYAUTH, { phase: 'handshake', message });
}

function countChallenge(state: ConnectState, isKept: boolean): void {
  state.challenges += 1;
  if (!isKept) state.connections += 1;
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof IOStreamError && error.code === code;
}
