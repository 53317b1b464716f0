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

/** Codes of an end in order: normal closure, going away, and a close frame without a code. */
const IN_ORDER: readonly number[] = [NORMAL, 1001, 1005];

/** What the code means, for the message. */
const MEANINGS: Readonly<Record<number, string>> = {
  1002: 'protocol error',
  1003: 'unsupported data: try the other `sendAs`',
  1006: 'lost without a close frame',
  1007: 'invalid data: with `sendAs: text`, send UTF-8',
  1008: 'policy violation',
  1009: 'message too big',
  1010: 'missing extension',
  1011: 'internal error of the server',
  1012: 'the server restarts',
  1013: 'try again later',
  1014: 'bad gateway',
  1015: 'TLS failed',
  [RESET]: 'reset by the peer',
};

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
  const meaning = MEANINGS[code];
  const words = [
    `the WebSocket was closed with ${code}`,
    ...(meaning === undefined ? [] : [meaning]),
    ...(reason === '' ? [] : [JSON.stringify(reason)]),
  ];
  return new IOStreamError('ECONNRESET', { phase, errno: -104, message: words.join(', '), cause, facts: closeFacts(closed) });
}
