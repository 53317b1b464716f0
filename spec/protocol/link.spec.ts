import { describe, expect, it } from 'vitest';
import { Conversation } from '../../src/protocol/conversation.ts';
import { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { ByteBuffer } from '../../src/protocol/byte-buffer.ts';
import { GeneratorRunner } from '../../src/protocol/generator-runner.ts';
import { latin, of, begin } from './conversation-tools.ts';

describe('Link', () => {
  it('peeks at the unread bytes without reading them', () => {
    const shown: string[] = [];
    const conversation = begin(function* (link): Talk<string> {
      yield* link.read(2);
      shown.push(latin(link.peek(3)), latin(link.peek(99)));
      return latin(yield* link.read(5));
    });
    conversation.start();
    conversation.push(of('a'));
    expect([conversation.push(of('bcdefg')), shown]).toEqual([{ done: true, value: 'cdefg' }, ['cde', 'cdefg']]);
  });

  it('sends text in UTF-8', () => {
    const said = new ByteBuffer();
    new Link(said, new GeneratorRunner({ phase: 'read' })).send('ü');
    expect([...said.view()]).toEqual([0xc3, 0xbc]);
  });
});

describe('the functions of a Link', () => {
  it('may be destructured', () => {
    const conversation = new Conversation<string>(
      function* ({ read, readUntil, send, wait }) {
        send('HELLO');
        const [first] = yield* read(1);
        const rest = yield* readUntil('\n', 8);
        return `${first} ${rest.length} ${yield* wait(() => ['answer'])}`;
      },
      { phase: 'read' },
    );
    conversation.start();
    expect(new TextDecoder().decode(conversation.takeOutput())).toBe('HELLO');
    conversation.push(Uint8Array.of(7, 65, 10));
    expect(conversation.answer('answer')).toEqual({ done: true, value: '7 2 answer' });
  });
});
