import { describe, expect } from 'vitest';
import { type IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { streamPair, ticks } from './tools.ts';

describe('eof$', () => {
  spec('emits once and completes for early and late subscribers', async (h) => {
    const [io, peer] = streamPair(h, { allowHalfOpen: true }, { allowHalfOpen: true });
    const early = h.observed(io.eof$);
    await ticks();
    expect([early.state, early.values.length]).toStrictEqual(['open', 0]);
    peer.end();
    await early.ended;
    const late = await h.observed(io.eof$).ended;
    for (const each of [early, late]) expect([each.state, each.values.length]).toStrictEqual(['complete', 1]);
    io.close();
    await ticks();
    expect((await h.observed(io.eof$).ended).values.length).toBe(1);
  });

  spec.each<[string, (io: IOStream, peer: IOStream) => void]>([
    ['close', (io) => io.close()],
    ['reset', (io) => io.reset()],
    ['the peer’s reset', (_, peer) => peer.reset()],
  ])('completes without a value on %s', async (h, _, end) => {
    const [io, peer] = streamPair(h, { cb: () => {} }, { cb: () => {} });
    const early = h.observed(io.eof$);
    await ticks();
    end(io, peer);
    await h.until(() => io.state === 'closed', 'closed');
    const late = await h.observed(io.eof$).ended;
    for (const each of [await early.ended, late]) expect([each.state, each.values]).toStrictEqual(['complete', []]);
  });

  spec('emits although bytes before the EOF are still unread', async (h) => {
    const [io, peer] = streamPair(h);
    peer.end('unread');
    expect((await h.observed(io.eof$).ended).values.length).toBe(1);
    h.sameBytes(io.inBuf, 'unread');
    expect(io.isEof).toBe(true);
  });
});
