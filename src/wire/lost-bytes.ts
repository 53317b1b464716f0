import { IOStreamError } from '../errors.ts';

/** Creates the error for queued bytes whose buffer was emptied before they were written: they can no longer be sent. */
export function lostBytes(): IOStreamError {
  const message = 'bytes were lost: do not transfer or resize their buffer before they are sent';
  return new IOStreamError('EFAULT', { phase: 'write', errno: -14, message });
}
