import { IOStreamError, type Phase } from '../../errors.ts';

/** How a WebSocket was closed. */
export interface WebSocketClose {
  /** The status code of RFC 6455, section 7.4. */
  readonly code: number;
  /** The reason in the close frame, or ''. */
  readonly reason: string;
  /** Whether both close frames were exchanged. */
  readonly wasClean: boolean;
}

/** Our end: normal closure. */
export const NORMAL = 1000;

/** Our reset, where the socket cannot be destroyed. The codes from 4000 on are those of applications. */
export const RESET = 4000;

/** No close frame has arrived. */
export const LOST = 1006;

/** Codes of an end in order: normal closure, going away, and a close frame without a code. */
const IN_ORDER: readonly number[] = [NORMAL, 1001, 1005];

/** Whether the peer has ended in order. */
export function isInOrder({ code, wasClean }: WebSocketClose): boolean {
  return wasClean && IN_ORDER.includes(code);
}

/** The fields of errors and of the end that report how a WebSocket was closed. */
export function closeFacts({ code, reason }: WebSocketClose): { readonly closeCode: number; readonly closeReason: string } {
  return { closeCode: code, closeReason: reason };
}

/** Creates the error of a WebSocket that was not closed in order. */
export function closeError(closed: WebSocketClose, phase: Phase, cause?: unknown): IOStreamError {
  const { code, reason } = closed;
  const message = `the WebSocket was closed with ${code}${code === LOST ? ', lost without a close frame' : ''}${reason ? `, ${JSON.stringify(reason)}` : ''}`;
  return new IOStreamError('ECONNRESET', { phase, errno: -104, message, cause, facts: closeFacts(closed) });
}
