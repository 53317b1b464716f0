import { EPROXY, EPROXYAUTH, IOStreamError } from '../errors.ts';
import { connectFacts } from './connect-facts.ts';
import type { ConnectRequest, ConnectState } from './connect-request.ts';
import { readBody } from './http-body.ts';
import { parseChallenges } from './http-challenge.ts';
import type { HttpHead } from './http-head.ts';
import type { Link } from './link.ts';
import type { Talk } from './need.ts';
import { printable } from './printable.ts';

/** Reads the body of a refusal, and returns the error for it: EPROXYAUTH for a 407, otherwise EPROXY. */
export function* connectRefusal(link: Link, { authority }: ConnectRequest, state: ConnectState, head: HttpHead): Talk<IOStreamError> {
  const { secrets } = state;
  const { bytes, whole, stopped } = yield* bodyInTime(link, state, head);
  const cause = stopped instanceof IOStreamError && stopped.code === EPROXY ? undefined : stopped; // The end of the peer is not an error.
  // Streaming mode omits an incomplete character at the end.
  const text = new TextDecoder().decode(bytes, { stream: true });
  const facts = { ...connectFacts(head, secrets), body: whole ? secrets.hide(text) : secrets.hideCut(text) };
  const words = `the proxy refused to connect to ${authority}: ${[head.status, printable(facts.reply ?? '')].join(' ').trimEnd()}`;
  if (head.status !== 407) return new IOStreamError(EPROXY, { phase: 'handshake', message: words, facts, cause });
  const challenges = parseChallenges(facts.headers['proxy-authenticate'] ?? '');
  const message = `${words}; it requires ${challenges.map(({ scheme }) => scheme).join(' or ') || 'credentials'}${newConnectionsHint(state)}`;
  return new IOStreamError(EPROXYAUTH, { phase: 'handshake', message, facts: { ...facts, challenges }, cause });
}

/** Returns the end of the message if every challenge came on a new connection. */
function newConnectionsHint({ connections, challenges }: ConnectState): string {
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
