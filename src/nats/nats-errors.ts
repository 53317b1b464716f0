import { ETOCONNECT, IOStreamError, type Phase } from '../errors.ts';

/** @param cause the reason that nats.js gives. */
export function brokerClosed(cause: Error | undefined, phase: Phase): IOStreamError {
  const reason = cause === undefined ? '' : `: ${cause.message}`;
  const message = `the connection to NATS was closed${reason}`;
  return new IOStreamError('ECONNRESET', { phase, errno: -104, message, cause });
}

export function noResponder(subject: string): IOStreamError {
  const message = `no natsListen answers on the subject ${subject}`;
  return new IOStreamError('ECONNREFUSED', { phase: 'connect', errno: -111, message });
}

/** @param code the reason that the listener has given. */
export function refusedBy(subject: string, code: string | undefined): IOStreamError {
  const reason = code === undefined ? '' : `: it reports ${code}`;
  const message = `the listener on the subject ${subject} refused the connection${reason}`;
  return new IOStreamError('ECONNREFUSED', { phase: 'connect', errno: -111, message });
}

/** The server knows no subscriber for a message to the peer. */
export function peerIsGone(isConnected: boolean): IOStreamError {
  const message = 'the peer no longer subscribes to its subject: its process or its server has ended';
  return new IOStreamError('ECONNRESET', { phase: isConnected ? 'read' : 'connect', errno: -104, message });
}

export function notPermitted(cause: Error, phase: Phase): IOStreamError {
  return new IOStreamError('EACCES', { phase, errno: -13, message: `the NATS server refused: ${cause.message}`, cause });
}

export function notAnswered(subject: string, ms: number): IOStreamError {
  const message = `connect timed out: no answer on the subject ${subject} within ${ms} ms`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}

/** @param cause the error of NATS: a permission, or a connection that is closed. */
export function cannotListen(cause: Error): IOStreamError {
  if ('operation' in cause) return notPermitted(cause, 'connect');
  const message = `cannot listen: the connection to NATS failed: ${cause.message}`;
  return new IOStreamError('ECONNRESET', { phase: 'connect', errno: -104, message, cause });
}
