import { EGAP, ETOCONNECT, IOStreamError, type Phase } from '../errors.ts';
import { describeFrame, type MessageFrame } from '../protocol/message-frame.ts';

/** Makes the error of messages that the channel has lost, or has delivered out of order. */
export function gap(frame: MessageFrame, expected: number): IOStreamError {
  const lost = frame.position - expected;
  const message = `messages were lost or out of order: expected position ${expected}, got ${describeFrame(frame)} (${lost} positions are missing); connect again`;
  return new IOStreamError(EGAP, { phase: 'read', message });
}

/** @param code the reason that the peer has given. */
export function resetByPeer(code: string | undefined): IOStreamError {
  const reason = code === undefined || code === 'ECONNRESET' ? '' : `: it reports ${code}`;
  return new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: `the peer reset the connection${reason}` });
}

export function peerHasRestarted(): IOStreamError {
  const message = 'another peer has connected on the channel: the one of this connection is gone; use one channel for each connection';
  return new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message });
}

export function channelClosed(isConnected: boolean): IOStreamError {
  const message = isConnected
    ? 'the channel was closed before both directions had ended'
    : 'the channel was closed before the other end has answered';
  return new IOStreamError('ECONNRESET', { phase: isConnected ? 'read' : 'connect', errno: -104, message });
}

/** @param cause the error of `messages$`, or of `send`. */
export function channelFailed(cause: unknown, phase: Phase): IOStreamError {
  if (cause instanceof IOStreamError) return cause;
  const message = `the channel failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new IOStreamError('ECONNRESET', { phase, errno: -104, message, cause });
}

export function peerIsSilent(pings: number, ms: number): IOStreamError {
  const message = `the peer answered none of ${pings} pings within ${ms} ms each (keepAlive)`;
  return new IOStreamError('ETIMEDOUT', { phase: 'read', errno: -110, message });
}

export function channelIsBlocked(pings: number, ms: number): IOStreamError {
  const message = `the channel accepted none of ${pings} pings within ${ms} ms each (keepAlive)`;
  return new IOStreamError('ETIMEDOUT', { phase: 'write', errno: -110, message });
}

export function notAnswered(ms: number): IOStreamError {
  const message = `connect timed out: the other end of the channel has not answered within ${ms} ms; does it read the channel with overMessages?`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}

export function usedTwice(): IOStreamError {
  const message = 'a channel carries one connection; pass a function that returns a new channel for each';
  return new IOStreamError('EALREADY', { phase: 'connect', errno: -114, message });
}
