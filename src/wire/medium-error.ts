import { IOStreamError, type Phase } from '../errors.ts';

/** The numbers of the codes below, as libuv has them on Linux. */
const ERRNO = { ECONNABORTED: -103, ECONNRESET: -104 } as const;

/**
 * Converts an error of a medium of the Web. Errors with a code of their own keep it. Others have none, or one that no program
 * compares with: ECONNABORTED before the connection is open, otherwise ECONNRESET. `cause` keeps the error.
 *
 * @param what what failed, for the message.
 */
export function mediumError(error: unknown, phase: Phase, what: string): IOStreamError {
  if (error instanceof Error && typeof (error as { code?: unknown }).code === 'string') return IOStreamError.from(error, { phase });
  const code = phase === 'connect' ? 'ECONNABORTED' : 'ECONNRESET';
  const reason = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
  return new IOStreamError(code, { phase, errno: ERRNO[code], cause: error, message: reason === '' ? what : `${what}: ${reason}` });
}
