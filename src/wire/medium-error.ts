import { IOStreamError, isSystemError, type Phase } from '../errors.ts';

/**
 * Converts an error of a medium of the Web. Errors with a code of their own keep it. Others have none, or one that no program
 * compares with: ECONNABORTED before the connection is open, otherwise ECONNRESET. `cause` keeps the error.
 *
 * @param what what failed, for the message.
 */
export function mediumError(error: unknown, phase: Phase, what: string): IOStreamError {
  if (isSystemError(error)) return IOStreamError.from(error, { phase });
  const [code, errno] = phase === 'connect' ? ['ECONNABORTED', -103] : ['ECONNRESET', -104];
  const reason = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  return new IOStreamError(code, { phase, errno, cause: error, message: reason === '' ? what : `${what}: ${reason}` });
}
