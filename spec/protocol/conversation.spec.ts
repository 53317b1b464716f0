/* eslint-disable require-yield -- a talk may have nothing to read */
import * as rx from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Conversation } from '../../src/protocol/conversation.ts';
import { type Link } from '../../src/protocol/link.ts';
import type { Need, Talk } from '../../src/protocol/need.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { runConversation, type ConversationResult } from '../support/run-conversation.ts';
import { latin, of, begin, head, caught } from './conversation-tools.ts';
import { cpuTime } from '../support/cpu-time.ts';

describe('Conversation', () => {
  it('returns exactly the requested bytes, however they are cut', () => {
    const reply = '5200 OK\r\nA: b\r\nC: d\r\n\r\nleft\r\n\r\nover';
    for (const { name, chunks } of rechunk(reply, { random: 200, empty: true })) {
      const { result, unread } = runConversation(head, chunks);
      expect([result, unread], name).toEqual([['5', '200 OK\r\n', '', 'A: b\r\nC: d\r\n\r\n'], 'left\r\n\r\nover']);
    }
  });

  it('finds a delimiter after false starts of it, at every cut', () => {
    for (const reply of ['\r\r\n\r\r\n\r\n', '\r\n\r\r\n\r\n', 'aab\r\n\r', '\r\n\r\n\r\n']) {
      const expected = reply.includes('\r\n\r\n') ? reply.slice(0, reply.indexOf('\r\n\r\n') + 4) : undefined;
      for (const { name, chunks } of rechunk(reply)) {
        const { error, result } = runConversation(function* (link): Talk<string> {
          return latin(yield* link.readUntil('\r\n\r\n', 100));
        }, chunks);
        expect([error, result], `${JSON.stringify(reply)} ${name}`).toEqual([undefined, expected]);
      }
    }
  });

  it('passes the bytes of each read to onRead, a single byte too, and none of an empty read', () => {
    const read: string[] = [];
    const conversation = new Conversation(
      function* (link): Talk<void> {
        yield* link.read(1);
        yield* link.read(0);
        yield* link.readUntil('\n', 8);
      },
      { phase: 'read', onRead: (bytes) => read.push(latin(bytes)) },
    );
    conversation.start();
    conversation.push(of('abc\nrest'));
    expect(read).toEqual(['a', 'bc\n']);
  });

  it('returns without a byte if it requests none', () => {
    expect(
      begin(function* (): Talk<number> {
        return 7;
      }).start(),
    ).toEqual({ done: true, value: 7 });
  });

  it('joins the output of one step', () => {
    const conversation = begin(function* (link) {
      link.send('a');
      link.send(of('b'));
      yield* link.read(1);
      link.send('é');
    });
    conversation.start();
    expect(latin(conversation.takeOutput())).toBe('ab');
    expect(conversation.takeOutput()).toHaveLength(0);
    conversation.push(of('x'));
    expect(Buffer.from(conversation.takeOutput()).toString()).toBe('é');
  });

  it('copies the output: the conversation may reuse its array', () => {
    const scratch = Uint8Array.of(1, 2);
    const conversation = begin(function* (link) {
      link.send(scratch);
      scratch[0] = 9;
      link.send(scratch);
      yield* link.read(1);
    });
    conversation.start();
    const said = conversation.takeOutput();
    expect([...said]).toEqual([1, 2, 9, 2]);
    scratch.fill(0);
    expect([...said]).toEqual([1, 2, 9, 2]);
  });

  it('requires the delimiter within the limit, its own bytes included', () => {
    const run = (reply: string, limit: number): ConversationResult<unknown> =>
      runConversation((link) => link.readUntil('\r\n', limit), [reply]);
    const error = { code: 'EPROTOCOL', phase: 'handshake', message: expect.stringContaining('within 5 bytes') as string };
    expect(run('abcd\r\n', 6).result).toHaveLength(6);
    expect(run('abcd\r\n', 5).error).toMatchObject(error);
    expect(run('abcdefgh', 5).error).toMatchObject(error);
    expect(run('abcd', 5)).toMatchObject({ isWaiting: true });
  });

  it('reports a reply over the limit as soon as it exceeds it, at every cut', () => {
    for (const { name, chunks } of rechunk('x'.repeat(40))) {
      const { error } = runConversation((link) => link.readUntil('\n', 16), chunks);
      expect(error, name).toMatchObject({ message: expect.stringContaining('within 16 bytes') as string });
    }
  });

  it.each<[string, (link: Link) => Talk<unknown>]>([
    ['count to be a number of bytes', (link) => link.read(-1)],
    ['count to be a number of bytes', (link) => link.read(NaN)],
    ['count to be a number of bytes', (link) => link.read(1.5)],
    ['delimiter of link.readUntil to have a byte', (link) => link.readUntil('', 5)],
    [
      'limit to be a number of bytes, got undefined',
      (link) => (link as unknown as { readUntil(to: string): Talk<Uint8Array> }).readUntil('\n'),
    ],
    ['limit to be a number of bytes, got NaN', (link) => link.readUntil('\n', NaN)],
    ['limit to be a number of bytes, got -1', (link) => link.readUntil('\n', -1)],
    ['limit to be a number of bytes, got 1.5', (link) => link.readUntil('\n', 1.5)],
  ])('expects %s', (message, talk) => {
    expect(() => begin(talk).start()).toThrow(TypeError);
    expect(() => begin(talk).start()).toThrow(
      message.replace('count', '`count`').replace('count`  to', 'count` of link.read to').split(' to ')[0] ?? '',
    );
  });

  it('throws what the talk throws, also when it is no generator', () => {
    const boom = (): never => {
      throw new Error('boom');
    };
    expect(() => begin(boom).start()).toThrow('boom');
    expect(() =>
      begin(function* (link) {
        yield* link.read(1);
        boom();
      }).start(),
    ).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ['an async function', async () => 1, 'an asynchronous function; wait with `yield* link.wait(() => …)`'],
    ['an async generator', async function* () {}, 'an asynchronous function; wait with `yield* link.wait(() => …)`'],
    ['a function without result', () => undefined, 'a function that returned undefined'],
    ['a function of null', () => null, 'a function that returned null'],
    ['a function of a number', () => 1, 'a function that returned number'],
  ])('wants a generator, not %s', (_, talk, got) => {
    const message = `expected the conversation to be a generator, \`function* (link) { … }\`, got ${got}`;
    expect(() => begin(talk as () => Talk<void>).start()).toThrow(new TypeError(message));
  });

  describe('`yield` without `*`', () => {
    it.each<[string, (link: Link) => unknown, string]>([
      ['read', (link) => link.read(1), 'a generator'],
      ['readUntil', (link) => link.readUntil('x', 9), 'a generator'],
      ['wait', (link) => link.wait(() => []), 'a generator'],
      ['a number', () => 1, 'number'],
      ['nothing', () => undefined, 'undefined'],
    ])('of %s is a TypeError that names `yield*`', (_, made, got) => {
      const conversation = begin(function* (link): Talk<void> {
        yield made(link) as Need;
      });
      const message = `expected the conversation to write \`yield*\` before link.read, link.readUntil and link.wait, got \`yield\` with ${got}`;
      expect(() => conversation.start()).toThrow(new TypeError(message));
    });

    it('is thrown where it stands: `finally` blocks run, and the conversation may catch it', () => {
      const passed: string[] = [];
      const conversation = begin(function* (link): Talk<string> {
        try {
          yield link.read(1) as unknown as Need;
        } catch (error) {
          passed.push((error as Error).name);
        } finally {
          passed.push('finally');
        }
        return latin(yield* link.read(1));
      });
      conversation.start();
      expect([passed, conversation.push(of('a'))]).toEqual([['TypeError', 'finally'], { done: true, value: 'a' }]);
    });
  });

  describe('link.wait', () => {
    const asks = (): Conversation<string> =>
      begin(function* (link) {
        const first = latin(yield* link.read(2));
        link.send('asked');
        let answer: string;
        try {
          answer = yield* link.wait(() => ['the input']);
        } catch (error) {
          answer = (error as Error).message;
        }
        return `${first} ${answer} ${latin(yield* link.read(3))}`;
      });
    const over = { done: true, value: 'ab yes cde' };

    it('returns the same pending answer, however many bytes arrive', () => {
      const conversation = asks();
      conversation.start();
      const { value } = conversation.push(of('ab'));
      expect(latin(conversation.takeOutput())).toBe('asked');
      expect((value as { wait: () => unknown }).wait()).toEqual(['the input']);
      expect(conversation.push(of('c')).value).toBe(value);
      expect(conversation.push(of('de!')).value).toBe(value);
      expect(conversation.unread).toBe(4);
      expect(conversation.answer('yes')).toEqual(over);
      expect(latin(conversation.takeUnread())).toBe('!');
    });

    it('continues to read after the answer as bytes arrive', () => {
      const conversation = asks();
      conversation.start();
      conversation.push(of('abc'));
      expect(conversation.answer('yes').value).toEqual({ count: 3 });
      expect(conversation.push(of('de'))).toEqual(over);
    });

    it('throws the error of the answer into the conversation', () => {
      const conversation = asks();
      conversation.start();
      conversation.push(of('ab'));
      conversation.reject(new Error('no'));
      expect(conversation.push(of('cde'))).toEqual({ done: true, value: 'ab no cde' });
    });

    it('throws what the conversation throws then', () => {
      const refused = new Error('refused');
      const conversation = begin((link) => link.wait(() => []));
      conversation.start();
      expect(caught(() => conversation.reject(refused))).toBe(refused);
    });

    it('has the type of the answer', () => {
      const talk = function* (link: Link): Talk<void> {
        (yield* link.wait(() => rx.of(1))) satisfies number;
        (yield* link.wait(() => Promise.resolve('text'))) satisfies string;
        (yield* link.wait(() => new Map<Date, number>().keys())) satisfies Date;
        // @ts-expect-error -- a number is no text
        (yield* link.wait(() => rx.of(1))) satisfies string;
        // @ts-expect-error -- a number gives nothing
        yield* link.wait(() => 7);
      };
      const conversation = begin(talk);
      const seen: unknown[] = [];
      for (let step = conversation.start(); !step.done; step = conversation.answer(undefined)) seen.push(step.value);
      expect(seen).toHaveLength(5);
    });
  });

  describe('EOF', () => {
    it('is an error with the numbers of received and missing bytes', () => {
      const conversation = begin(function* (link) {
        yield* link.read(2);
        yield* link.read(5);
      }, 'EPROXY');
      conversation.start();
      conversation.push(of('abcd'));
      const error = caught(() => conversation.end());
      expect(error).toMatchObject({ code: 'EPROXY', phase: 'handshake' });
      expect((error as Error).message).toBe(
        'connection closed by the peer while waiting for 5 bytes from byte 2 on (4 bytes received) [EPROXY]',
      );
    });

    it('is EPROTOCOL if no code is set', () => {
      const conversation = begin((link) => link.readUntil('\n', 5));
      conversation.start();
      expect(caught(() => conversation.end())).toMatchObject({ code: 'EPROTOCOL' });
    });

    it('may be caught, to send something and return', () => {
      const conversation = begin(function* (link): Talk<string> {
        try {
          yield* link.read(1);
        } catch {
          link.send('bye');
        }
        return 'without';
      });
      conversation.start();
      expect(conversation.end()).toEqual({ done: true, value: 'without' });
      expect(latin(conversation.takeOutput())).toBe('bye');
    });

    it('may be caught to read the received bytes, but no more', () => {
      const greedy = (count: number): (() => IteratorResult<Need, string>) => {
        const conversation = begin(function* (link): Talk<string> {
          try {
            return latin(yield* link.read(10));
          } catch {
            return latin(yield* link.read(count));
          }
        });
        conversation.start();
        conversation.push(of('abc'));
        return () => conversation.end();
      };
      expect(greedy(3)()).toEqual({ done: true, value: 'abc' });
      expect(greedy(4)).toThrow(/waiting for 10 bytes from byte 0 on \(3 bytes received\)/);
    });
  });

  describe('a failure', () => {
    const why = new Error('why');

    it('is thrown into the conversation where it waits, for bytes or for an answer', () => {
      for (const wait of [(link: Link) => link.read(1), (link: Link) => link.readUntil('x', 9), (link: Link) => link.wait(() => [])]) {
        const conversation = begin<unknown>(wait);
        conversation.start();
        expect(caught(() => conversation.throw(why))).toBe(why);
      }
    });

    it('may be caught, to throw another error or to return', () => {
      const better = new Error('better');
      const told = (then: () => string): Conversation<unknown> => {
        const conversation = begin(function* (link): Talk<unknown> {
          try {
            return yield* link.read(1);
          } catch (error) {
            expect(error).toBe(why);
            return then();
          }
        });
        conversation.start();
        return conversation;
      };
      expect(told(() => 'without').throw(why)).toEqual({ done: true, value: 'without' });
      const throwing = told(() => {
        throw better;
      });
      expect(caught(() => throwing.throw(why))).toBe(better);
    });

    it('ends a conversation that waits again: its finally blocks run', () => {
      for (const wait of [(link: Link) => link.read(1), (link: Link) => link.wait(() => [])]) {
        let finals = 0;
        const conversation = begin(function* (link) {
          try {
            for (;;) {
              try {
                yield* wait(link);
              } catch {
                // and again
              }
            }
          } finally {
            finals += 1;
          }
        });
        conversation.start();
        expect([caught(() => conversation.throw(why)), finals]).toEqual([why, 1]);
      }
    });

    it('caused by the conversation itself is not thrown into it, because it is running', () => {
      const log: unknown[] = [];
      const conversation: Conversation<void> = begin(function* (link) {
        try {
          yield* link.read(1);
          log.push(caught(() => conversation.throw(why)));
          conversation.return();
          yield* link.read(1);
        } catch {
          log.push('never');
        } finally {
          log.push('finally');
        }
      });
      conversation.start();
      conversation.push(of('abc'));
      expect(log).toEqual([why, 'finally']);
    });
  });

  describe('abandoned', () => {
    it('runs the finally blocks once', () => {
      let finals = 0;
      const conversation = begin(function* (link) {
        try {
          yield* link.read(1);
        } finally {
          finals += 1;
        }
      });
      conversation.start();
      conversation.return();
      conversation.return();
      expect(finals).toBe(1);
    });

    it('by the conversation itself ends it after its step', () => {
      const log: string[] = [];
      const conversation: Conversation<void> = begin(function* (link) {
        try {
          yield* link.read(1);
          conversation.return();
          log.push('step over');
          yield* link.read(1);
          log.push('never');
        } finally {
          log.push('finally');
        }
      });
      conversation.start();
      conversation.push(of('abc'));
      expect(log).toEqual(['step over', 'finally']);
    });

    it('before the start runs nothing', () => {
      let ran = false;
      const conversation = begin(function* (link) {
        ran = true;
        yield* link.read(1);
      });
      conversation.return();
      expect(ran).toBe(false);
    });
  });

  it.each([
    ['a head of 64 KiB', (link: Link) => link.readUntil('\r\n\r\n', 70_000), `${'\r\n\r'.repeat(21_845)}x\r\n\r\n`],
    ['a count of 64 KiB', (link: Link) => link.read(65_536), 'x'.repeat(65_536)],
    ['256 KiB without an end', (link: Link) => link.readUntil('\n', 300_000), `${'x'.repeat(262_143)}\n`],
  ])('is linear: %s in one-byte chunks', (_, talk, reply) => {
    const chunks = [...of(reply)].map((byte) => Uint8Array.of(byte));
    const conversation = begin(talk);
    conversation.start();
    const start = cpuTime();
    let step: IteratorResult<Need, Uint8Array> | undefined;
    for (const chunk of chunks) step = conversation.push(chunk);
    const took = cpuTime() - start;
    expect(step?.done).toBe(true);
    // Measured: 10 to 15 ms for 64 KiB. Quadratic would be seconds.
    expect(took).toBeLessThan(reply.length > 100_000 ? 800 : 200);
  });
});
