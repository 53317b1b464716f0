import { interval, map, NEVER, timer, mergeMap, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { EOF, IN, type IOStream } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { recordedPair } from './recorded-pair.ts';
import { closedReport, streamPair, pattern, turns } from './tools.ts';

const HALF = { allowHalfOpen: true };

/** Handlers of connections whose clients end at once, and whether the client has received the right text. */
const HANDLERS: Record<string, { readonly handler: (io: IOStream) => Observable<unknown>; readonly text: (text: string) => boolean }> = {
  waits: { handler: () => NEVER, text: (text) => text === '' },
  'pushes by write': { handler: (io) => interval(2).pipe(map(() => io.write('.'))), text: (text) => /^\.*$/.test(text) },
  'sends a source that ends': { handler: (io) => io.send(timer(20).pipe(map(() => 'late'))), text: (text) => text === 'late' },
  'answers after it has read': {
    handler: (io) => io.consume((bytes) => timer(10).pipe(mergeMap(() => io.send([bytes])))),
    text: (text) => text === 'question',
  },
  'answers with more bytes than the kernel buffers': {
    handler: (io) => io.send([pattern(8_000_000)]),
    text: ({ length }) => length === 8_000_000,
  },
};

describe('an accepted connection whose client has ended', () => {
  spec.each(Object.entries(HANDLERS))('ends after all bytes are sent, under a handler that %s', async (h, _, { handler, text }) => {
    const { at, server, errors } = await serving(h, handler);
    const peer = await client(h, at);
    peer.socket.end('question');
    await h.until(() => peer.closed || peer.ended, 'the end');
    peer.socket.destroy();
    await h.until(() => server.size === 0, 'the connection has ended');
    expect(text(peer.text), peer.text.slice(0, 100)).toBe(true);
    expect(errors.values).toStrictEqual([]);
  });

  spec('stays open with `allowHalfOpen: true`', async (h) => {
    const { at, server } = await serving(h, () => NEVER, { allowHalfOpen: true });
    const { socket } = await client(h, at);
    await h.until(() => server.size === 1, 'accepted');
    socket.end();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(server.size).toBe(1);
  });

  spec('stays open while a subscriber of `connections$` reads it, then ends', async (h) => {
    const { at, server } = await serving(h);
    const seen = h.observed(server.connections$.pipe(mergeMap((io) => io.consume((bytes) => timer(30).pipe(map(() => bytes))))));
    const { socket } = await client(h, at);
    socket.end('slow');
    h.sameBytes([await seen.value()], 'slow');
    await h.until(() => server.size === 0, 'the connection has ended');
  });
});

describe('allowHalfOpen', () => {
  spec('is false by default in reactive mode: the stream ends after the peer when its queued bytes are sent', async (h) => {
    const { a, b, fromA, fromB, reports } = recordedPair(h);
    b.pause();
    a.write(pattern(300_000));
    b.end('bye');
    await fromB.ended;
    await turns();
    expect(a.state).toBe('open');
    b.resume();
    h.sameBytes((await fromA.ended).values, pattern(300_000));
    expect((await reports).map(({ by, unsent }) => [by, unsent])).toStrictEqual([
      ['peer', 0],
      ['us', 0],
    ]);
  });

  spec('is true by default with `waitFor`: the stream stays open until the user ends it', async (h) => {
    const { a, b, reports } = recordedPair(h, { waitFor: IN | EOF });
    b.end('bye');
    await h.until(() => a.isEof);
    await turns();
    expect(a.state).toBe('open');
    expect(a.write('still')).toBe(true);
    a.end();
    await reports;
  });

  spec('can be set in either mode', async (h) => {
    const { a, b } = recordedPair(h, HALF, { waitFor: 0, inBufLimit: 0, allowHalfOpen: false });
    a.end();
    expect((await closedReport(b)).by).toBe('peer');
    await closedReport(a);
  });

  spec('sends the end after a pull reader has answered all its chunks', async (h) => {
    const { a, b } = recordedPair(h);
    const [c, d] = streamPair(h);
    const answers = h.observed(c.data$);
    d.consume(async (chunk) => {
      await turns(3);
      d.write(`re: ${String(chunk)}`);
    }).subscribe();
    c.end('question');
    h.sameBytes((await answers.ended).values, 're: question');
    a.close();
    b.close();
    await Promise.all([closedReport(a), closedReport(b), closedReport(c), closedReport(d)]);
  });
});
