import assert from 'node:assert/strict';
import { interval, map, NEVER, timer, mergeMap, type Observable } from 'rxjs';
import { describe, it } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { invariants } from '../support/harness.ts';
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
  it.each(Object.entries(HANDLERS))('ends, with all that was sent, under handlers %s', async (_, { handler, text }) => {
    await invariants(async (h) => {
      const { at, server, errors } = await serving(h, handler);
      const peer = await client(h, at);
      peer.socket.end('question');
      await h.until(() => peer.closed || peer.ended, 'the end');
      peer.socket.destroy();
      await h.until(() => server.size === 0, 'the connection is gone');
      assert.ok(text(peer.text), peer.text.slice(0, 100));
      assert.deepEqual(errors.values, []);
    })();
  });

  it('stays with allowHalfOpen: true', async () => {
    await invariants(async (h) => {
      const { at, server } = await serving(h, () => NEVER, { allowHalfOpen: true });
      const { socket } = await client(h, at);
      socket.end();
      await new Promise((resolve) => setTimeout(resolve, 40));
      assert.equal(server.size, 1);
    })();
  });

  it('stays while connections$ reads it, and ends then', async () => {
    await invariants(async (h) => {
      const { at, server } = await serving(h);
      const seen = h.observed(server.connections$.pipe(mergeMap((io) => io.consume((bytes) => timer(30).pipe(map(() => bytes))))));
      const { socket } = await client(h, at);
      socket.end('slow');
      h.sameBytes([await seen.value()], 'slow');
      await h.until(() => server.size === 0, 'the connection is gone');
    })();
  });
});

describe('eof$', () => {
  it('emits once and completes, to early and to late subscribers', async () => {
    await invariants(async (h) => {
      const [io, peer] = joined(h, { allowHalfOpen: true }, { allowHalfOpen: true });
      const early = h.observed(io.eof$);
      await ticks();
      assert.deepEqual([early.state, early.values.length], ['open', 0]);
      peer.end();
      await early.ended;
      const late = await h.observed(io.eof$).ended;
      for (const each of [early, late]) assert.deepEqual([each.state, each.values.length], ['complete', 1]);
      io.close();
      await ticks();
      assert.equal((await h.observed(io.eof$).ended).values.length, 1);
    })();
  });

  it.each<[string, (io: IOStream, peer: IOStream) => void]>([
    ['close', (io) => io.close()],
    ['reset', (io) => io.reset()],
    ['the peer’s reset', (_, peer) => peer.reset()],
  ])('completes without a value on %s', async (_, end) => {
    await invariants(async (h) => {
      const [io, peer] = joined(h, { cb: () => {} }, { cb: () => {} });
      const early = h.observed(io.eof$);
      await ticks();
      end(io, peer);
      await h.until(() => io.state === 'closed', 'closed');
      const late = await h.observed(io.eof$).ended;
      for (const each of [await early.ended, late]) assert.deepEqual([each.state, each.values], ['complete', []]);
    })();
  });

  it('emits although bytes before it are not read yet', async () => {
    await invariants(async (h) => {
      const [io, peer] = joined(h);
      peer.end('unread');
      assert.equal((await h.observed(io.eof$).ended).values.length, 1);
      h.sameBytes(io.inBuf, 'unread');
      assert.equal(io.isEof, true);
    })();
  });
});
