import { Conversation } from '../../src/protocol/conversation.ts';
import { type Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';

export const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const of = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
export const begin = <T>(talk: (link: Link) => Talk<T>, early?: 'EPROXY'): Conversation<T> =>
  new Conversation(talk, { phase: 'handshake', early });

export function* head(link: Link): Talk<string[]> {
  const version = yield* link.read(1);
  const line = yield* link.readUntil('\r\n', 64);
  const nothing = yield* link.read(0);
  const rest = yield* link.readUntil(of('\r\n\r\n'), 64);
  return [version, line, nothing, rest].map(latin);
}

export function caught(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('expected a throw');
}
