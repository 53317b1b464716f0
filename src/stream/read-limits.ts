import { EINBUFLIMIT, EREQINBUFLIMIT, EREQINEOF, IOStreamError } from '../errors.ts';
import { EOF, IN, type EventMask } from '../events.ts';
import type { StreamSettings } from './settings.ts';

/**
 * Returns the error code of an option that is missing without IN in `waitFor`. Reading stops at `highWaterMark` bytes until it is
 * set.
 */
export function missingOption(waitFor: EventMask, inBufLimit: number | undefined): typeof EREQINEOF | typeof EREQINBUFLIMIT | undefined {
  if ((waitFor & IN) !== 0) return undefined;
  if ((waitFor & EOF) === 0) return EREQINEOF;
  return inBufLimit === undefined ? EREQINBUFLIMIT : undefined;
}

/**
 * Returns the error of unread bytes that no reader and no IN handler will take.
 *
 * @param unread number of bytes in `inBuf`.
 */
export function readLimitError({ waitFor, inBufLimit }: StreamSettings, unread: number): IOStreamError | undefined {
  if (waitFor === undefined) return undefined;
  const missing = missingOption(waitFor, inBufLimit);
  if (missing) return new IOStreamError(missing, { phase: 'read' });
  if ((waitFor & IN) !== 0 || !inBufLimit || unread <= inBufLimit) return undefined;
  const message = `inBuf holds ${unread} bytes before EOF, more than inBufLimit = ${inBufLimit}; take bytes from inBuf or raise inBufLimit to read on`;
  return new IOStreamError(EINBUFLIMIT, { phase: 'read', message });
}
