import { Conversation } from '../../src/protocol/conversation.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';

/** The result of a conversation over some bytes. All bytes are Latin-1 text. */
export interface ConversationResult<T> {
  /** Its return value, if it has returned. */
  readonly result?: T;
  /** Its error, if it has thrown. */
  readonly error?: unknown;
  /** Its output: one text for each time that it ran until it needed more, without empty ones. */
  readonly output: readonly string[];
  /** The bytes that remain for the layer above, if it has returned. */
  readonly unread: string;
  /** Whether it needs more bytes. */
  readonly isWaiting: boolean;
}

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/**
 * Runs a conversation over the chunks, one by one. Answers each `wait` synchronously with what it returns.
 *
 * @param options `end`: whether the peer ends after the chunks. `broken`: an error of the wire after the chunks. `early`: the code of an early end.
 */
export function runConversation<T>(
  talk: (link: Link) => Talk<T>,
  chunks: readonly (string | Uint8Array)[],
  { end = false, broken, early = 'EPROXY' }: { end?: boolean; broken?: unknown; early?: ErrorCode } = {},
): ConversationResult<T> {
  const conversation = new Conversation(talk, { phase: 'handshake', early });
  const output: string[] = [];
  const step = (work: () => IteratorResult<unknown, T>): IteratorResult<unknown, T> => {
    let state = work();
    for (;;) {
      const bytes = conversation.takeOutput();
      if (bytes.length > 0) output.push(latin(bytes));
      const need = state.value as { wait?: () => unknown } | undefined;
      if (state.done || typeof need?.wait !== 'function') return state;
      state = answered(conversation, need.wait);
    }
  };
  try {
    let state = step(() => conversation.start());
    let surplus = '';
    for (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
      if (state.done) surplus += latin(bytes);
      else state = step(() => conversation.push(bytes));
    }
    if (!state.done && end) state = step(() => conversation.end());
    if (!state.done && broken !== undefined) state = step(() => conversation.throw(broken));
    if (!state.done) return { output, unread: '', isWaiting: true };
    return { result: state.value, output, unread: latin(conversation.takeUnread()) + surplus, isWaiting: false };
  } catch (error) {
    return { error, output, unread: '', isWaiting: false };
  }
}

function answered<T>(conversation: Conversation<T>, start: () => unknown): IteratorResult<unknown, T> {
  let answer: unknown;
  try {
    answer = start();
  } catch (error) {
    return conversation.reject(error);
  }
  return conversation.answer(answer);
}
