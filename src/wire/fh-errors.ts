import { IOStreamError, type Phase } from '../errors.ts';

/** Creates the error of bytes that are written to an fh without an output. */
export function cannotWrite(): IOStreamError {
  return new IOStreamError('EBADF', { phase: 'write', errno: -9, message: 'write to an fh that was opened for reading only' });
}

/** Creates the error of an fh that other code has closed. */
export function closedOutside(): IOStreamError {
  const message = 'fh was closed outside of the stream; close it with io.close()';
  return new IOStreamError('ERR_STREAM_PREMATURE_CLOSE', { phase: 'read', message });
}

/** Returns in which phase an open fh has failed. */
export function phaseOf(error: Error): Phase {
  const { syscall } = error as { syscall?: string };
  return syscall === 'write' || syscall === 'shutdown' ? 'write' : 'read';
}
