import { ECLOSED, EOUTBUFLIMIT, EPROTOCOL, IOStreamError } from '../../errors.ts';

/** Creates the error for a connection that closed before the reply. */
export function unanswered(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message: 'connection closed before the reply to the request arrived' });
}

/** Creates the error for a request that `maxPending` forbids to write. */
export function tooManyPending(maxPending: number): IOStreamError {
  const message = `maxPending = ${maxPending} requests have no reply yet, one more was rejected; wait for a reply or raise maxPending`;
  return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', fatal: false, message });
}

/** Creates the error for a request that cannot be written because of its id. */
export function unusableId(message: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'write', fatal: false, message });
}

/** Creates the error for a request whose reply did not arrive in time. */
export function replyTimeout(timeout: number): IOStreamError {
  const message = `no reply within ${timeout} ms; raise \`timeout\` if the peer is only slow`;
  return new IOStreamError('ETIMEDOUT', { phase: 'read', fatal: false, message });
}
