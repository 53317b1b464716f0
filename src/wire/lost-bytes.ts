import { IOStreamError } from '../errors.ts';

/** Creates the error for queued bytes whose buffer was emptied before they were written: they can no longer be sent. */
export function lostBytes(): IOStreamError {
  const message = 'the buffer was detached or resized after write(); do not transfer or resize it before it is sent';
  return new IOStreamError('EFAULT', { phase: 'write', errno: -14, message });
}
