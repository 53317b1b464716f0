import { Conversation } from '../../src/protocol/conversation.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';

/** The result of a conversation over some bytes. */
export interface ConversationResult<T> {
  /** Its return value, if it has returned. */
  readonly result?: T;
  readonly error?: unknown;
  /** Its output as Latin-1. */
  readonly said: string;
  /** The bytes that remain for the layer above, if it has returned. */
  readonly unread: string;
  /** Whether it waits for more bytes. */
  readonly waits: boolean;
}

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Runs a conversation over the chunks, one by one. Answers each `wait` at once. Then ends it, or fails it with an error of the wire. */
export function runConversation<T>(
  talk: (link: Link) => Talk<T>,
  chunks: readonly (string | Uint8Array)[],
  { end = false, broken }: { end?: boolean; broken?: unknown } = {},
): ConversationResult<T> {
  const conversation = new Conversation(talk, { phase: 'handshake', early: 'EPROXY' });
  let said = '';
  const step = (work: () => IteratorResult<unknown, T>): IteratorResult<unknown, T> => {
    let state = work();
    for (;;) {
      said += latin(conversation.takeOutput());
      const need = state.value as { wait?: () => unknown } | undefined;
      if (state.done || typeof need?.wait !== 'function') return state;
      state = answered(conversation, need.wait);
    }
  };
  try {
    let state = step(() => conversation.start());
    let behind = '';
    for (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
      if (state.done) behind += latin(bytes);
      else state = step(() => conversation.push(bytes));
    }
    if (!state.done && end) state = step(() => conversation.end());
    if (!state.done && broken !== undefined) state = step(() => conversation.throw(broken));
    if (!state.done) return { said, unread: '', waits: true };
    return { result: state.value, said, unread: latin(conversation.takeUnread()) + behind, waits: false };
  } catch (error) {
    return { error, said, unread: '', waits: false };
  }
}

function answered<T>(conversation: Conversation<T>, ask: () => unknown): IteratorResult<unknown, T> {
  let answer: unknown;
  try {
    answer = ask();
  } catch (error) {
    return conversation.reject(error);
  }
  return conversation.answer(answer);
}
