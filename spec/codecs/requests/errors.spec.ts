import { describe, expect } from 'vitest';
import { framed } from '../../../src/codecs/framed/framed.ts';
import { requests } from '../../../src/codecs/requests/requests.ts';
import { ECLOSED, EFRAMELIMIT, EOUTBUFLIMIT, EPROTOCOL } from '../../../src/errors.ts';
import { connect } from '../../../src/stream/connect.ts';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { spec } from '../../support/spec.ts';
import { closedReport, resetAtEnd, ticks, turns, unhandled } from '../../stream/tools.ts';
import { codec, type Call, orderedPair, pairWithIds } from './clients.ts';

describe('errors of requests', () => {
  spec('errors all pending and later requests with the error of the stream', async (h) => {
    const { client, peer } = orderedPair(h);
    const { request, unmatched$ } = requests(client);
    const seen = [h.observed(request('a')), h.observed(request('b')), h.observed(unmatched$)];
    await ticks();
    peer.io.reset();
    for (const each of seen) h.error((await each.ended).error, { code: 'ECONNRESET' });
    h.error((await h.observed(request('c')).ended).error, { code: 'ECONNRESET' });
  });

  for (const [who, leave] of [
    ['the peer ends', ({ peer }) => peer.io.end()],
    ['we close', ({ client }) => client.io.close()],
  ] as [string, (ends: ReturnType<typeof orderedPair>) => void][])
    spec(`errors all pending and later requests with ECLOSED when ${who}`, async (h) => {
      const ends = orderedPair(h);
      const pipeline = requests(ends.client);
      const seen = [h.observed(pipeline.request('a')), h.observed(pipeline.request('b'))];
      await ticks();
      leave(ends);
      for (const each of seen) h.error((await each.ended).error, { code: ECLOSED, phase: 'read' });
      h.error((await h.observed(pipeline.request('c')).ended).error, { code: ECLOSED });
      expect(pipeline.pending).toBe(0);
    });

  spec('emits nothing to pending requests when the owner of the stream unsubscribes, and ECLOSED to later ones', async (h) => {
    const [near, far] = memoryPair();
    const [peer] = resetAtEnd(h, new IOStream({ wire: far }));
    const connection = h.observed(connect({ wire: near }));
    const pipeline = requests(framed(await connection.value(), codec), { timeout: 20 });
    const open = h.observed(pipeline.request('a'));
    await ticks();
    connection.unsubscribe();
    peer.end();
    await closedReport(peer);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([open.state, pipeline.pending]).toStrictEqual(['open', 0]);
    h.error((await h.observed(pipeline.request('b')).ended).error, { code: ECLOSED });
  });

  spec('errors only the request that cannot be encoded, which takes no place in the order', async (h) => {
    const reported = unhandled(h);
    const { client, peer, received } = orderedPair(h);
    const { request } = requests(client);
    const before = h.observed(request('a'));
    h.error((await h.observed(request('x'.repeat(65))).ended).error, { code: EFRAMELIMIT, phase: 'write', fatal: false });
    h.error((await h.observed(request('a\nb')).ended).error, { code: EPROTOCOL, phase: 'write', fatal: false });
    const after = h.observed(request('b'));
    await h.until(() => received.length === 2, 'both requests arrive');
    peer.write('to a');
    peer.write('to b');
    expect([(await before.ended).values, (await after.ended).values]).toStrictEqual([['to a'], ['to b']]);
    expect(client.io.state).toBe('open');
    expect(reported).toStrictEqual([]);
  });

  spec('errors only the request that a full or ended stream rejects', async (h) => {
    const { client, received } = orderedPair(h, { outBufLimit: 1 });
    const errors = h.observed(client.io.errors$);
    const { request } = requests(client);
    const seen = h.observed(request('a'));
    h.error((await h.observed(request('b')).ended).error, { code: EOUTBUFLIMIT });
    await h.until(() => received.length === 1, 'the request arrives');
    await turns();
    expect([seen.state, client.io.state, errors.values]).toStrictEqual(['open', 'open', []]);
    client.io.end();
    h.error((await h.observed(request('c')).ended).error, { code: ECLOSED, phase: 'write' });
    await errors.ended;
    expect(errors.values).toStrictEqual([]);
  });

  spec('errors a request without an id or whose match throws, and closes the stream when match throws for a reply', async (h) => {
    const { client, peer } = pairWithIds(h);
    const why = new Error('why');
    const match = ({ id, text }: Call): unknown => {
      if (text === 'boom') throw why;
      return id;
    };
    const { request } = requests(client, { match });
    const errors = h.observed(client.io.errors$);
    h.error((await h.observed(request({ text: 'a' })).ended).error, { code: EPROTOCOL, phase: 'write' });
    expect((await h.observed(request({ text: 'boom' })).ended).error).toBe(why);
    const seen = h.observed(request({ id: 1, text: 'a' }));
    peer.messages$.subscribe({ next: () => peer.write({ id: 1, text: 'boom' }), error: () => {} });
    h.error((await seen.ended).error, { code: EPROTOCOL, phase: 'read' });
    expect((seen.error as Error).cause).toBe(why);
    await errors.ended;
    expect(errors.values).toStrictEqual([seen.error]);
  });
});
