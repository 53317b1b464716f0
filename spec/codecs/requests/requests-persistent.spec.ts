import { NEVER, retry, Subject, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { ndjson } from '../../../src/codecs/ndjson.ts';
import { requests } from '../../../src/codecs/requests/requests.ts';
import { persistent } from '../../../src/reconnect/persistent.ts';
import type { IOStream } from '../../../src/stream/io-stream.ts';
import { spec } from '../../support/spec.ts';
import { turns, inVirtualTime } from '../../stream/tools.ts';
import { codec, scene } from '../persistent-messages.ts';

describe('requests over a persistent stream', () => {
  it('errors requests of a lost connection after the replies received before, and sends kept ones on the next', () => {
    const log = inVirtualTime(2000, (v) => {
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
    const log = inVirtualTime(2000, (v) => {
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
    const log = inVirtualTime(2000, (v) => {
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
    const log = inVirtualTime(2000, (v) => {
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
    const log = inVirtualTime(2000, (v) => {
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
      const log = inVirtualTime(2000, (v) => {
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
      const log = inVirtualTime(2000, (v) => {
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
    const log = inVirtualTime(2000, (v) => {
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
