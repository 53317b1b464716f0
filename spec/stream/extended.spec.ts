import { firstValueFrom } from 'rxjs';
import { expect } from 'vitest';
import { IOStream, type Wire } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { resetAtEnd } from './tools.ts';

class Chat extends IOStream {
  readonly nick: string;
  readonly #texts: string[] = [];

  constructor(wire: Wire, nick: string) {
    super({ wire, Room: 'hall' });
    this.nick = nick;
  }

  post(text: string): number {
    this.write(`${this.nick}: ${text}\n`);
    return this.#texts.push(text);
  }
}

spec('a class that extends IOStream has its own fields and methods, in events too', async (h) => {
  const [near, far] = memoryPair();
  const chat = new Chat(near, 'me');
  const [io] = resetAtEnd(h, new IOStream({ wire: far }), chat);
  const event = firstValueFrom(chat.events$);
  expect([chat.post('hello'), chat instanceof IOStream, (chat as { Room?: string }).Room]).toEqual([1, true, 'hall']);
  expect((await event).io).toBe(chat);
  expect(String(await firstValueFrom(io.data$))).toBe('me: hello\n');
});
