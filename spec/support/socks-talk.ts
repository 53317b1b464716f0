import { Conversation } from '../../src/protocol/conversation.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';

/** How a conversation with a scripted proxy went. */
export interface Told<T> {
  /** The output in hex, one text for each time it waited. */
  readonly said: string[];
  readonly value?: T;
  readonly error?: unknown;
  /** What was not read, in hex. */
  readonly left: string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Runs one side of a conversation over the chunks of the other side; then the other ends. */
export function tell<T>(talk: (link: Link) => Talk<T>, chunks: readonly Uint8Array[]): Told<T> {
  const conversation = new Conversation(talk, { phase: 'handshake', early: 'EPROXY' });
  const said: string[] = [];
  const rest: string[] = [];
  const keep = (): void => {
    const words = hex(conversation.takeOutput());
    if (words !== '') said.push(words);
  };
  try {
    let step = conversation.start();
    keep();
    for (const chunk of chunks) {
      if (step.done) rest.push(hex(chunk));
      else step = conversation.push(chunk);
      keep();
    }
    if (!step.done) step = conversation.end();
    return { said, left: hex(conversation.takeUnread()) + rest.join(''), ...(step.done ? { value: step.value } : {}) };
  } catch (error) {
    return { said, left: hex(conversation.takeUnread()), error };
  }
}

/** Bytes of hex words: `'05 00 0001'`. */
export function bytesOf(words: string): Buffer {
  return Buffer.from(words.replaceAll(' ', ''), 'hex');
}
