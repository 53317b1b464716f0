import { EMPTY, map, scan, take, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../../src/codecs/codec.ts';
import { framed, type Framed } from '../../../src/codecs/framed/framed.ts';
import { requests } from '../../../src/codecs/requests/requests.ts';
import { EPROTOCOL, IOStreamError } from '../../../src/errors.ts';
import type { Persistent } from '../../../src/reconnect/persistent-types.ts';
import { persistent } from '../../../src/reconnect/persistent.ts';
import { deadPort } from '../../support/loopback.ts';
import { spec } from '../../support/spec.ts';
import { turns, unhandled, inVirtualTime } from '../../stream/tools.ts';
import { codec, scene } from '../persistent-messages.ts';

describe('framed over a persistent stream', () => {
  it('continues with the next connection after a reset, an end and a malformed frame, and joins no frame across two of them', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$ } = framed(line, codec);
      note('a', messages$);
      note('b', messages$);
      v.at(10, () => peers[1]?.write('one\ntw'));
      v.at(20, () => peers[1]?.reset());
      v.at(200, () => peers[2]?.end('o\ntwo\n'));
      v.at(400, () => peers[3]?.end('thr'));
      v.at(600, () => peers[4]?.write('ee\n'));
      v.at(700, () => peers[4]?.write('x'.repeat(70)));
      v.at(900, () => peers[5]?.write('last\n'));
      v.at(1000, () => line.close());
    });
    const each = (at: number, text: string): string[] => [`${at} a: ${text}`, `${at} b: ${text}`];
    expect(log).toStrictEqual([
      ...each(10, 'one'),
      ...each(200, 'o'),
      ...each(200, 'two'),
      ...each(600, 'ee'),
      ...each(900, 'last'),
      ...each(1000, 'complete'),
    ]);
  });

  it('keeps the messages of a lost connection for the next reader, before those of the next connection', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$ } = framed(line, codec);
      const next = (): void => note('next', messages$.pipe(take(1)));
      next();
      v.at(10, () => peers[1]?.write('one\ntwo\nthree\nhal'));
      v.at(20, () => peers[1]?.reset());
      v.at(30, next);
      v.at(200, () => peers[2]?.write('four\n'));
      v.at(300, next);
      v.at(310, next);
      v.at(320, next);
      v.at(330, () => peers[2]?.write('five\n'));
    });
    expect(log.filter((line) => !line.endsWith('complete'))).toStrictEqual([
      '10 next: one',
      '30 next: two',
      '300 next: three',
      '310 next: four',
      '330 next: five',
    ]);
  });

  it('reads no connection before the first reader, and keeps nothing of connections lost before it', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$ } = framed(line, codec);
      v.at(10, () => peers[1]?.write('one\n'));
      v.at(20, () => peers[1]?.reset());
      v.at(200, () => peers[2]?.write('two\n'));
      v.at(300, () => note('late', messages$));
    });
    expect(log).toStrictEqual(['300 late: two']);
  });

  it('handles one message after the other, across connections', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$, consume } = framed(line, codec);
      note(
        'consume',
        consume((message) => timer(300, v.scheduler).pipe(map(() => `${message}!`))),
      );
      note('watch', messages$);
      v.at(10, () => peers[1]?.write('one\ntwo\n'));
      v.at(20, () => peers[1]?.reset());
      v.at(750, () => peers[2]?.write('three\n'));
      v.at(1100, () => line.close());
    });
    expect(log).toStrictEqual([
      '10 watch: one',
      '310 consume: one!',
      '310 watch: two',
      '610 consume: two!',
      '750 watch: three',
      '1050 consume: three!',
      '1100 consume: complete',
      '1100 watch: complete',
    ]);
  });

  it('errors with the error of a handler, and a later reader continues', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$, consume } = framed(line, codec);
      note(
        'consume',
        consume(() => throwError(() => new IOStreamError('EMINE', { phase: 'read' }))),
      );
      v.at(10, () => peers[1]?.write('one\ntwo\n'));
      v.at(20, () => note('later', messages$));
    });
    expect(log).toStrictEqual(['10 consume: EMINE', '20 later: two']);
  });

  it('queues encoded messages, and throws the error of a message that cannot be encoded', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers } = scene(v, { outBufLimit: 20 }, { refuse: 2 });
      const { write } = framed(line, codec);
      line.unsent$.subscribe(({ error, writes }) =>
        v.note(`${(error as IOStreamError).code} ${writes.map(({ length }) => length).join()}`),
      );
      write('one');
      expect(() => write('t\nwo')).toThrow(expect.objectContaining({ code: EPROTOCOL, fatal: false }));
      v.at(20, () => peers[1]?.reset());
      v.at(30, () => write('two'));
      v.at(250, () => write('three'));
      v.at(260, () => v.note(`${write('x'.repeat(40))} ${write('refused')}`));
      v.at(500, () => line.close());
      v.at(600, () => v.note(`takes ${write('late')}`));
    });
    expect(log).toStrictEqual([
      '0 peer 1: one',
      '220 peer 3: two',
      '250 peer 3: three',
      '260 true false',
      '260 EOUTBUFLIMIT 8',
      `260 peer 3: ${'x'.repeat(40)}`,
      '600 takes false',
    ]);
  });

  it('creates an encoder for each connection', () => {
    const numbered: Codec<string> = {
      decode: codec.decode,
      encode: () => (message$) =>
        message$.pipe(
          scan<string, [number, string]>(([count], message) => [count + 1, message], [0, '']),
          map(([count, message]) => `${count} ${message}`),
          codec.encode(),
        ),
    };
    const log = inVirtualTime(2000, (v) => {
      const { line, peers } = scene(v, { unsent: 'drop' });
      const { write } = framed(line, numbered);
      for (const each of ['a', 'b']) write(each);
      v.at(20, () => peers[1]?.reset());
      v.at(200, () => write('c'));
    });
    expect(log).toStrictEqual(['0 peer 1: 1 a 2 b', '200 peer 2: 1 c']);
  });

  it('errors with the error that ended the persistent stream, after all messages before it', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v, { attempts: 1 });
      const { messages$, consume } = framed(line, codec);
      note('messages', messages$);
      note(
        'consume',
        consume(() => timer(50, v.scheduler)),
      );
      v.at(10, () => peers[1]?.write('one\ntwo\n'));
      v.at(20, () => peers[1]?.reset());
      v.at(500, () => note('late', messages$));
      v.at(500, () =>
        note(
          'late',
          consume(() => EMPTY),
        ),
      );
    });
    expect(log).toStrictEqual([
      '10 messages: one',
      '60 consume: 0',
      '60 messages: two',
      '110 consume: 0',
      '110 consume: ECONNRESET',
      '110 messages: ECONNRESET',
      '500 late: ECONNRESET',
      '500 late: ECONNRESET',
    ]);
  });

  it('completes after a connection that ends without an error, with `repeat: false`', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v, { repeat: false });
      note('messages', framed(line, codec).messages$);
      v.at(10, () => peers[1]?.reset());
      v.at(200, () => peers[2]?.end('one\n'));
    });
    expect(log).toStrictEqual(['200 messages: one', '200 messages: complete']);
  });

  it('errors if isFatal keeps a connection open whose messages cannot be decoded', () => {
    const log = inVirtualTime(2000, (v) => {
      const { line, peers, note } = scene(v, {}, { options: { isFatal: ({ code }) => code !== 'EFRAMELIMIT' } });
      const { messages$ } = framed(line, codec);
      note('first', messages$);
      v.at(10, () => peers[1]?.write('x'.repeat(70)));
      v.at(20, () => note('second', messages$));
      v.at(30, () => peers[1]?.reset());
      v.at(200, () => peers[2]?.write('one\n'));
    });
    expect(log).toStrictEqual(['10 first: EFRAMELIMIT', '200 second: one']);
  });

  it('drops unread messages when too many connections are lost, and the next reader gets an error', () => {
    const log = inVirtualTime(10_000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$ } = framed(line, codec);
      note('first', messages$.pipe(take(1)));
      line.stream$.subscribe(() => {
        const peer = peers.at(-1);
        const at = peers.length - 1;
        if (at > 18) return;
        peer?.write(`${at}\nmore of ${at}\n`);
        v.at(10, () => peer?.reset());
      });
      v.at(5000, () => note('second', messages$));
      v.at(5010, () => note('third', messages$));
    });
    const kept = Array.from({ length: 16 }, (_, each) => [`${each + 3}`, `more of ${each + 3}`]).flat();
    expect(log).toStrictEqual([
      '0 first: 1',
      '0 first: complete',
      '5000 second: EINBUFLIMIT',
      ...kept.map((message) => `5010 third: ${message}`),
    ]);
  });

  it('does not count lost connections without unread messages', () => {
    const log = inVirtualTime(20_000, (v) => {
      const { line, peers, note } = scene(v);
      const { messages$ } = framed(line, codec);
      note('first', messages$.pipe(take(1)));
      line.stream$.subscribe(() => {
        const peer = peers.at(-1);
        if (peers.length === 2) peer?.write('one\ntwo\n');
        if (peers.length < 40) v.at(10, () => peer?.reset());
      });
      v.at(10_000, () => note('second', messages$));
    });
    expect(log).toStrictEqual(['0 first: one', '0 first: complete', '10000 second: two']);
  });

  for (const [who, listen, expected] of [
    ['a reader of the messages', ({ messages$ }) => void messages$.subscribe({ error: () => {} }), 0],
    ['no reader', () => {}, 1],
    ['requests without a request', (client) => void requests(client), 1],
    [
      'a request',
      (client) =>
        void requests(client)
          .request('a')
          .subscribe({ error: () => {} }),
      0,
    ],
  ] as [string, (client: Framed<string, string | Uint8Array, Persistent>) => void, number][])
    spec(`reports the error that ends the persistent stream ${expected} times with ${who}`, async (h) => {
      const reported = unhandled(h);
      const line = persistent({ host: '127.0.0.1', port: await deadPort() }, { attempts: 1 });
      listen(framed(line, codec));
      await h.until(() => !line.write(''), 'the end');
      await h.until(() => reported.length === expected, 'the report');
      await turns();
      expect(reported.length).toBe(expected);
    });
});
