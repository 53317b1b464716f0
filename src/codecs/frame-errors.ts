import { EFRAMELIMIT, EPROTOCOL, IOStreamError, type ErrorCode } from '../errors.ts';

/** Creates the error for a received frame over the limit. @param length the length of the frame, in words or bytes, if it is known. */
export function receivedTooLong(maxLength: number, length?: string | number): IOStreamError {
  const known = length === undefined ? '' : ` (length: ${length})`;
  return new IOStreamError(EFRAMELIMIT, { phase: 'read', message: `received a frame of more than maxLength = ${maxLength} bytes${known}` });
}

/** Creates the error for received bytes that violate the format. */
export function malformed(message: string): IOStreamError {
  return new IOStreamError(EPROTOCOL, { phase: 'read', message });
}

/** Creates the error for an end inside a frame. @param bytes number of bytes of the frame that were received. */
export function truncated(bytes: number): IOStreamError {
  return malformed(`input ended inside a frame, after its first ${bytes} bytes`);
}

/** Creates the error for a message that our own decoder would not return. Not fatal: the connection stays open. */
export function unencodable(message: string, code: ErrorCode = EPROTOCOL): IOStreamError {
  return new IOStreamError(code, { phase: 'write', fatal: false, message });
}
