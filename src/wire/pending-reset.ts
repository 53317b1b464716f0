import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { IOStreamError } from '../errors.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';

/**
 * Checks at the EOF of a stream whether the peer has reset the connection. libuv may report EOF although a RST followed the last
 * bytes. A zero-length write surfaces the pending ECONNRESET, so that truncated input does not look complete.
 *
 * @param then called once, at once if the stream cannot have a pending reset. Gets the reset, if there is one.
 */
export function checkPendingReset(readable: Readable | undefined, then: (reset?: IOStreamError) => void): void {
  if (!(readable instanceof Socket) || !isQuietTcp(readable)) then();
  else readable.write(EMPTY_BYTES, (error) => then(isReset(error) ? wasReset(error) : undefined));
}

/** Whether a zero-length write reaches the kernel at once. */
function isQuietTcp(socket: Socket): boolean {
  return !('encrypted' in socket) && socket.writable && socket.writableLength === 0 && socket.localFamily !== undefined;
}

function isReset(error: NodeJS.ErrnoException | null | undefined): error is NodeJS.ErrnoException {
  return error?.code === 'ECONNRESET';
}

function wasReset(cause: NodeJS.ErrnoException): IOStreamError {
  const { errno } = cause;
  return new IOStreamError('ECONNRESET', { phase: 'read', errno, message: 'read ECONNRESET', cause, facts: { syscall: 'read' } });
}
