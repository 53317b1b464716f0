import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** The private handle of a socket. */
interface WithHandle {
  readonly _handle?: { reading?: unknown; readStart?(): unknown; readStop?(): unknown } | null;
}

/**
 * Returns whether TLS of Node reports an end because of close_notify, and not because of a FIN. Call it inside of the report. Node
 * has no public name for this, and without it a truncated stream would look complete.
 *
 * At a FIN libuv stops reading before it reports the end, so reading can be started again. At close_notify the socket is still
 * being read, and libuv answers EALREADY. Any other answer means a FIN: what cannot be known is taken for truncated.
 *
 * @param below the socket below TLS.
 * @param isStopped whether the data just before the end has stopped the reading. Then no FIN can have arrived.
 */
export function isCloseNotify(below: Socket, isStopped: boolean): boolean {
  const handle = (below as unknown as WithHandle)._handle;
  if (isStopped && handle?.reading === false) return true;
  const answer = typeof handle?.readStart === 'function' ? handle.readStart() : undefined;
  if (answer === 0) handle?.readStop?.();
  return typeof answer === 'number' && answer < 0 && getSystemErrorName(answer) === 'EALREADY';
}
