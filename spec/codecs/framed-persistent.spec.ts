import { EMPTY, map, NEVER, retry, scan, Subject, take, throwError, timer, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../src/codecs/codec.ts';
import { framed, type Framed } from '../../src/codecs/framed/framed.ts';
import { lines } from '../../src/codecs/lines.ts';
import { ndjson } from '../../src/codecs/ndjson.ts';
import { requests } from '../../src/codecs/requests/requests.ts';
import { EPROTOCOL, IOStreamError } from '../../src/errors.ts';
import type { Persistent, PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import type { IOStream } from '../../src/stream/io-stream.ts';
import type { IOStreamOptions } from '../../src/stream/options.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import type { Wire } from '../../src/wire/signal.ts';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';
import { turns, unhandled, virtually, type Virtual } from '../stream/tools.ts';

const codec = lines({ maxLength: 64 });
const refusing: Wire = () => () => throwError(() => new IOStreamError('ECONNREFUSED', { phase: 'connect' }));

interface Scene {
  readonly line: Persistent;
  /** The other end of the connection of each attempt. */
  readonly peers: IOStream[];
  /** Notes messages, and their end. */
  readonly note: (name: string, messages$: Observable<unknown>) => void;
}

/** Creates a persistent stream on a virtual clock that redials after 100 ms. Notes what the peers receive. */
function scene(
  v: Virtual,
  settings: PersistentOptions = {},
  { refuse = -1, options = {} }: { refuse?: number; options?: Partial<IOStreamOptions> } = {},
): Scene {
  const peers: IOStream[] = [];
  const target = (attempt: number): IOStreamOptions => {
    if (attempt === refuse) return { wire: refusing, scheduler: v.scheduler };
    const [near, far] = memoryPair();
    const peer = v.stream({ wire: far });
    peers[attempt] = peer;
    peer.data$.subscribe({ next: (bytes) => v.note(`peer ${attempt}: ${bytes.toString().trim().replaceAll('\n', ' ')}`), error: () => {} });
    return { ...options, wire: near, scheduler: v.scheduler };
  };
  const line = persistent(target, { jitter: 0, factor: 1, scheduler: v.scheduler, ...settings });
  const note: Scene['note'] = (name, messages$) => {
    messages$.subscribe({
      next: (message) => v.note(`${name}: ${typeof message === 'string' ? message : JSON.stringify(message)}`),
      error: (error: unknown) => v.note(`${name}: ${(error as { code?: string }).code ?? String(error)}`),
      complete: () => v.note(`${name}: complete`),
    });
  };
  return { line, peers, note };
}

describe('framed over a persistent stream', () => {
  it('continues with the next connection after a reset, an end and a malformed frame, and joins no frame across two of them', () => {
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
      const { line, peers } = scene(v, { unsent: 'drop' });
      const { write } = framed(line, numbered);
      for (const each of ['a', 'b']) write(each);
      v.at(20, () => peers[1]?.reset());
      v.at(200, () => write('c'));
    });
    expect(log).toStrictEqual(['0 peer 1: 1 a 2 b', '200 peer 2: 1 c']);
  });

  it('errors with the error that ended the persistent stream, after all messages before it', () => {
    const log = virtually(2000, (v) => {
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
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v, { repeat: false });
      note('messages', framed(line, codec).messages$);
      v.at(10, () => peers[1]?.reset());
      v.at(200, () => peers[2]?.end('one\n'));
    });
    expect(log).toStrictEqual(['200 messages: one', '200 messages: complete']);
  });

  it('errors if isFatal keeps a connection open whose messages cannot be decoded', () => {
    const log = virtually(2000, (v) => {
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
    const log = virtually(10_000, (v) => {
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
    const log = virtually(20_000, (v) => {
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

describe('requests over a persistent stream', () => {
  it('errors requests of a lost connection after the replies received before, and sends kept ones on the next', () => {
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v);
      const client = framed(line, codec);
      const { request } = requests(client);
      const ask = (text: string): void => note(text, request(text));
      ask('a');
      ask('b');
      v.at(10, () => peers[1]?.write('to a\nto'));
      v.at(20, () => peers[1]?.reset());
      v.at(50, () => ask('c'));
      v.at(60, () => ask('d'));
      v.at(200, () => ask('e'));
      v.at(210, () => peers[2]?.write('to c\nto d\nto e\n'));
    });
    expect(log.filter((line) => !line.endsWith('complete'))).toStrictEqual([
      '0 peer 1: a b',
      '10 a: to a',
      '20 b: ECONNRESET',
      '120 peer 2: c d',
      '200 peer 2: e',
      '210 c: to c',
      '210 d: to d',
      '210 e: to e',
    ]);
  });

  it('matches by id across connections, and sends a retried request again', () => {
    interface Call {
      readonly id: number;
      readonly n?: number;
    }
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { request, unmatched$ } = requests(framed(line, ndjson<Call>({ maxLength: 64 })), { match: ({ id }) => id });
      note('unmatched', unmatched$);
      note('1', request({ id: 1 }));
      note('2', request({ id: 2 }).pipe(retry(1)));
      v.at(20, () => peers[1]?.reset());
      v.at(50, () => note('3', request({ id: 3 })));
      v.at(200, () => peers[2]?.write('{"id":1,"n":1}\n{"id":3,"n":3}\n{"id":2,"n":2}\n'));
    });
    expect(log.filter((line) => !line.endsWith('complete'))).toStrictEqual([
      '0 peer 1: {"id":1} {"id":2}',
      '20 1: ECONNRESET',
      '120 peer 2: {"id":2} {"id":3}',
      '200 unmatched: {"id":1,"n":1}',
      '200 3: {"id":3,"n":3}',
      '200 2: {"id":2,"n":2}',
    ]);
  });

  it('errors a request with ECLOSED if the connection ended without an error', () => {
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v);
      const { request } = requests(framed(line, codec));
      note('a', request('a'));
      v.at(20, () => peers[1]?.end());
      v.at(200, () => note('b', request('b')));
      v.at(210, () => peers[2]?.write('to b\n'));
    });
    expect(log).toStrictEqual(['0 peer 1: a', '20 a: ECLOSED', '200 peer 2: b', '210 b: to b', '210 b: complete']);
  });

  it("errors queued requests when an attempt fails, with unsent: 'drop', in order too", () => {
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v, { unsent: 'drop' }, { refuse: 2 });
      const { request } = requests(framed(line, codec));
      v.at(20, () => peers[1]?.reset());
      v.at(50, () => note('a', request('a')));
      v.at(150, () => note('b', request('b')));
      v.at(300, () => peers[3]?.write('to b\n'));
    });
    expect(log).toStrictEqual(['120 a: ECONNREFUSED', '220 peer 3: b', '300 b: to b', '300 b: complete']);
  });

  it('keeps the place of an abandoned request that is sent on the next connection', () => {
    const log = virtually(2000, (v) => {
      const { line, peers, note } = scene(v, {}, { refuse: 1 });
      const { request } = requests(framed(line, codec));
      const given = request('a').subscribe();
      note('b', request('b'));
      v.at(50, () => given.unsubscribe());
      v.at(200, () => peers[2]?.write('to a\nto b\n'));
    });
    expect(log).toStrictEqual(['100 peer 2: a b', '200 b: to b', '200 b: complete']);
  });

  for (const [how, code, lose] of [
    ['reset', 'ECONNRESET', (peer) => peer.reset()],
    ['ended by both sides', 'ECLOSED', (peer, io) => [peer, io].forEach((each) => each.end())],
  ] as [string, string, (peer: IOStream, io: IOStream) => void][])
    it(`ends requests of a connection that is ${how} after a slow consumer has read its replies, and mixes up no replies`, () => {
      const log = virtually(2000, (v) => {
        const { line, peers, note } = scene(v);
        const client = framed(line, codec);
        const { request } = requests(client);
        const gate = new Subject<void>();
        client.consume(() => gate.pipe(take(1))).subscribe();
        for (const each of ['a', 'b', 'c']) note(each, request(each));
        v.at(10, () => peers[1]?.write('to a\nto b\n'));
        line.stream$.pipe(take(1)).subscribe((io) => v.at(20, () => peers[1] && lose(peers[1], io)));
        v.at(50, () => note('d', request('d')));
        for (const at of [300, 310, 320]) v.at(at, () => gate.next());
        v.at(500, () => peers[2]?.write('to d\n'));
      });
      expect(log.filter((line) => !line.endsWith('complete') && !line.includes('peer'))).toStrictEqual([
        '10 a: to a',
        '300 b: to b',
        `310 c: ${code}`,
        '500 d: to d',
      ]);
    });

  it('errors pending and later requests when the persistent stream is closed, or has ended', () => {
    for (const [how, code] of [
      ['close', 'ECLOSED'],
      ['reset', 'ECONNRESET'],
    ] as const) {
      const log = virtually(2000, (v) => {
        const { line, peers, note } = scene(v, { attempts: 1 });
        const { request, unmatched$ } = requests(framed(line, codec));
        note('a', request('a'));
        unmatched$.subscribe({ error: () => {} });
        v.at(10, () => (how === 'close' ? line.close() : peers[1]?.reset()));
        v.at(500, () => note('b', request('b')));
      });
      expect(log).toStrictEqual(['0 peer 1: a', `10 a: ${code}`, `500 b: ${code}`]);
    }
  });

  it('times out on the scheduler of the persistent stream, with or without a connection', () => {
    const log = virtually(2000, (v) => {
      const { line, note } = scene(v, { initial: 500 }, { refuse: 1 });
      const { request } = requests(framed(line, codec), { timeout: 100 });
      note('a', request('a'));
    });
    expect(log).toStrictEqual(['100 a: ETIMEDOUT', '500 peer 2: a']);
  });

  spec('errors only the request that exceeds outBufLimit, and reports nothing on unsent$', async (h) => {
    const line = persistent({ wire: () => () => NEVER }, { outBufLimit: 1 });
    const unsent = h.observed(line.unsent$);
    const { request } = requests(framed(line, codec));
    const first = h.observed(request('a'));
    h.error((await h.observed(request('b')).ended).error, { code: 'EOUTBUFLIMIT', phase: 'write' });
    await turns();
    expect([first.state, unsent.values]).toStrictEqual(['open', []]);
    line.close();
    h.error((await first.ended).error, { code: 'ECLOSED' });
  });
});
