import type { ErrorCode } from '../../src/errors.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { runConversation, type ConversationResult } from '../support/run-conversation.ts';

/** The result of a conversation, with its output and the unread bytes in hex. */
export type HexResult<T> = Pick<ConversationResult<T>, 'result' | 'error' | 'output' | 'unread'>;

const hex = (latin: string): string => Buffer.from(latin, 'latin1').toString('hex');

/** Runs a conversation over the chunks of a proxy, which then ends. */
export function runInHex<T>(talk: (link: Link) => Talk<T>, chunks: readonly Uint8Array[], early?: ErrorCode): HexResult<T> {
  const {
    isWaiting: _,
    output,
    unread,
    ...outcome
  } = runConversation(talk, chunks, { end: true, ...(early === undefined ? {} : { early }) });
  return { ...outcome, output: output.map(hex), unread: hex(unread) };
}
