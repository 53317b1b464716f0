import { interval, map, NEVER, timer, mergeMap, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { joined, pattern, ticks } from './tools.ts';

/** Handlers of connections whose clients end at once. */
const HANDLERS: Record<string, { readonly handler: (io: IOStream) => Observable<unknown>; readonly text: (text: string) => boolean }> = {
  'that wait': { handler: () => NEVER, text: (text) => text === '' },
  'that push by write': { handler: (io) => interval(2).pipe(map(() => io.write('.'))), text: (text) => /^\.*$/.test(text) },
  'that push by a source that ends': { handler: (io) => io.send(timer(20).pipe(map(() => 'late'))), text: (text) => text === 'late' },
  'that answer when they have read': {
    handler: (io) => io.consume((bytes) => timer(10).pipe(mergeMap(() => io.send([bytes])))),
    text: (text) => text === 'question',
  },
  'that answer with more than the kernel takes': {
    handler: (io) => io.send([pattern(8_000_000)]),
    text: ({ length }) => length === 8_000_000,
  },
};

describe('an accepted connection whose client has ended', () => {
  spec.each(Object.entries(HANDLERS))('ends, with all that was sent, under handlers %s', async (h, _, { handler, text }) => {
    const { at, server, errors } = await serving(h, handler);
    const peer = await client(h, at);
    peer.socket.end('question');
    await h.until(() => peer.closed || peer.ended, 'the end');
    peer.socket.destroy();
    await h.until(() => server.size === 0, 'the connection is gone');
    expect(text(peer.text), peer.text.slice(0, 100)).toBe(true);
    expect(errors.values).toStrictEqual([]);
  });

  spec('stays with allowHalfOpen: true', async (h) => {
    const { at, server } = await serving(h, () => NEVER, { allowHalfOpen: true });
    const { socket } = await client(h, at);
    socket.end();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(server.size).toBe(1);
  });

  spec('stays while connections$ reads it, and ends then', async (h) => {
    const { at, server } = await serving(h);
    const seen = h.observed(server.connections$.pipe(mergeMap((io) => io.consume((bytes) => timer(30).pipe(map(() => bytes))))));
    const { socket } = await client(h, at);
    socket.end('slow');
    h.sameBytes([await seen.value()], 'slow');
    await h.until(() => server.size === 0, 'the connection is gone');
  });
});

describe('eof$', () => {
  spec('emits once and completes, to early and to late subscribers', async (h) => {
    const [io, peer] = joined(h, { allowHalfOpen: true }, { allowHalfOpen: true });
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
    const [io, peer] = joined(h, { cb: () => {} }, { cb: () => {} });
    const early = h.observed(io.eof$);
    await ticks();
    end(io, peer);
    await h.until(() => io.state === 'closed', 'closed');
    const late = await h.observed(io.eof$).ended;
    for (const each of [await early.ended, late]) expect([each.state, each.values]).toStrictEqual(['complete', []]);
  });

  spec('emits although bytes before it are not read yet', async (h) => {
    const [io, peer] = joined(h);
    peer.end('unread');
    expect((await h.observed(io.eof$).ended).values.length).toBe(1);
    h.sameBytes(io.inBuf, 'unread');
    expect(io.isEof).toBe(true);
  });
});
