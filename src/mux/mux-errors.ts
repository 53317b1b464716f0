import { ECLOSED, EINBUFLIMIT, EPROTOCOL, ETOCONNECT, IOStreamError } from '../errors.ts';
import { describeFrame, type FrameHeader } from '../protocol/yamux.ts';

/** Makes the error of a frame that breaks the protocol. @param problem what is wrong, in words that follow "a frame …". */
export function frameError(header: FrameHeader, problem: string): IOStreamError {
  return protocolError(`the peer sent ${describeFrame(header)} ${problem}`);
}

export function protocolError(message: string, cause?: unknown): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'read', message, cause });
}

/** Makes the error of one stream from that of the connection: a new one for each, because plugins add their name to theirs. */
export function withConnection(cause: unknown): IOStreamError {
  const { code, message } = cause instanceof IOStreamError ? cause : { code: 'ECONNRESET', message: String(cause) };
  return new IOStreamError(code, { phase: 'read', fatal: true, message: `the connection of the mux failed: ${message}`, cause });
}

export function connectionEnded(): IOStreamError {
  const message = 'the connection of the mux ended before its streams: their data is truncated';
  return new IOStreamError('ECONNRESET', { phase: 'read', message });
}

/** Makes the error of a dial on a mux that opens no streams. @param cause the error of its connection. */
export function cannotDial(reason: string, cause?: unknown): IOStreamError {
  const code = cause instanceof IOStreamError ? cause.code : ECLOSED;
  return new IOStreamError(code, { phase: 'connect', fatal: true, message: `${reason}; make a new mux on a new connection`, cause });
}

export function tooManyStreams(limit: number): IOStreamError {
  const message = `${limit} dialled streams are open (maxStreams): close some, or raise maxStreams`;
  return new IOStreamError('EMFILE', { phase: 'connect', message });
}

export function notOpened(ms: number): IOStreamError {
  const message = `the connection of the mux was not open within ${ms} ms; raise timeouts.connect or timeouts.establish if it is only slow`;
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
}

/** Makes the error of a stream that the peer has reset. @param wasAccepted whether it had accepted the stream before. */
export function streamReset(wasAccepted: boolean): IOStreamError {
  if (wasAccepted) return new IOStreamError('ECONNRESET', { phase: 'read', message: 'the peer reset the stream' });
  const message = 'the peer reset the stream before it accepted it: it takes no streams, or no more';
  return new IOStreamError('ECONNREFUSED', { phase: 'connect', message });
}

export function overBudget(total: number, limit: number): IOStreamError {
  const message = `the streams of the mux hold ${total} unread bytes (budget = ${limit}), and this one held the most: it was reset; read faster, or raise budget`;
  return new IOStreamError(EINBUFLIMIT, { phase: 'read', fatal: true, message });
}

export function peerIsSilent(pings: number, ms: number): IOStreamError {
  const message = `the peer of the mux answered none of ${pings} pings within ${ms} ms each (keepAlive)`;
  return new IOStreamError('ETIMEDOUT', { phase: 'read', message });
}

export function closedHere(): IOStreamError {
  return new IOStreamError('ECONNABORTED', { phase: 'close', message: 'the mux was closed by close(), or at the deadline of drain()' });
}
