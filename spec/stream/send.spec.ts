import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { concatMap, from, lastValueFrom, of, Subject, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, pattern, ticks, inVirtualTime } from './tools.ts';
import { countedSource } from './counted-source.ts';

type Source = Parameters<IOStream['send']>[0];

const PIECES = [pattern(1), pattern(0), pattern(70_000, 2), pattern(4096, 3), pattern(300_000, 4)];
const ALL = Buffer.concat(PIECES);

async function* asynchronous(): AsyncGenerator<Buffer> {
  for (const piece of PIECES) {
    await Promise.resolve();
    yield piece;
  }
}

function* synchronous(): Generator<Buffer> {
  yield* PIECES;
}

const sources: Record<string, () => Source> = {
  'an array': () => PIECES,
  'a generator': synchronous,
  'an async generator': asynchronous,
  'a Readable': () => Readable.from(PIECES.filter(({ length }) => length > 0)),
  'a Web stream': () => ReadableStream.from(asynchronous()),
  'a synchronous Observable': () => from(PIECES),
  'an Observable over time': () => from(PIECES).pipe(concatMap((piece) => timer(1).pipe(concatMap(() => of(piece))))),
};

describe('send', () => {
  for (const [name, source] of Object.entries(sources)) {
    spec(`sends ${name}, emits growing totals and completes when all bytes are sent`, async (h) => {
      const [a, b] = streamPair(h);
      const received = h.observed(b.data$);
      const seen = h.observed(a.send(source()));
      expect((await seen.ended).state).toBe('complete');
      expect(seen.values.at(-1)).toBe(ALL.length);
      expect(seen.values).toStrictEqual([...new Set(seen.values)].sort((x, y) => x - y));
      a.end();
      await received.ended;
      h.sameBytes(received.values, ALL);
    });
  }

  spec('sends strings as UTF-8, views of bytes and empty sources', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    const words = new Uint16Array([0x4241]);
    expect(await lastValueFrom(a.send(['é', words, new DataView(new ArrayBuffer(1))]))).toStrictEqual(5);
    expect((await h.observed(a.send([])).ended).state).toBe('complete');
    expect((await h.observed(a.send(of())).ended).state).toBe('complete');
    a.end();
    await received.ended;
    h.sameBytes(received.values, Buffer.from([0xc3, 0xa9, 0x41, 0x42, 0]));
  });

  spec('reads its source at each subscription, and not before', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    const source = countedSource(Buffer.from('x'), 2);
    const send$ = a.send(source.iterable);
    await ticks();
    expect(source.pulled).toBe(0);
    await lastValueFrom(send$);
    source.pulled = 0;
    await lastValueFrom(send$);
    a.end();
    await received.ended;
    h.sameBytes(received.values, 'xxxx');
  });

  spec('emits totals while a chunk is sent in parts', async (h) => {
    const [a, b] = streamPair(h);
    h.observed(b.data$);
    const seen = h.observed(a.send([Buffer.alloc(4 * 2 ** 20)]));
    await seen.ended;
    expect(seen.values.length > 4, `${seen.values.length} values`).toBe(true);
    expect(seen.values.at(-1)).toBe(4 * 2 ** 20);
  });

  spec('pulls one chunk at a time, and no more than highWaterMark ahead of the sent bytes', async (h) => {
    const { io, socket } = await connectedToPeer(h, { highWaterMark: 32 * 1024 }, (socket) => socket.pause());
    let open = 0;
    let maxOpen = 0;
    let pulled = 0;
    async function* source(): AsyncGenerator<Buffer> {
      for (; pulled < 4096; pulled += 1) {
        open += 1;
        maxOpen = Math.max(maxOpen, open);
        await Promise.resolve();
        open -= 1;
        yield Buffer.alloc(16 * 1024);
      }
    }
    const seen = h.observed(io.send(source()));
    let before: number | undefined;
    for (let still = 0; still < 20; still = before === pulled ? still + 1 : 0) {
      before = pulled;
      await new Promise(setImmediate);
    }
    expect(pulled < 4096, 'it stalls').toBe(true);
    const ahead = pulled * 16 * 1024 - (seen.values.at(-1) ?? 0);
    expect(ahead <= 48 * 1024, `${ahead} bytes ahead`).toBe(true);
    expect(maxOpen).toBe(1);
    socket.resume();
    expect((await seen.ended).state).toBe('complete');
    expect(seen.values.at(-1)).toBe(4096 * 16 * 1024);
  });

  spec('pulls a source larger than outBufLimit, also if outBufLimit is below highWaterMark', async (h) => {
    const [a, b] = streamPair(h, { outBufLimit: 1000 });
    const received = h.observed(b.data$);
    const pieces = Array.from({ length: 50 }, (_, seed) => pattern(1500, seed + 1));
    expect(await lastValueFrom(a.send(pieces))).toBe(75_000);
    a.end();
    await received.ended;
    h.sameBytes(received.values, pieces);
  });

  spec('starts after the send before it, while plain writes go between chunks', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    const hot = new Subject<string>();
    const first = h.observed(a.send(hot));
    const second = h.observed(a.send(['second']));
    hot.next('one,');
    a.write('write,');
    hot.next('two,');
    await ticks();
    expect(second.values.length).toBe(0);
    hot.complete();
    await Promise.all([first.ended, second.ended]);
    expect([first.values.at(-1), second.values.at(-1)]).toStrictEqual([8, 6]);
    a.end();
    await received.ended;
    h.sameBytes(received.values, 'one,write,two,second');
  });

  spec('leaves the queue when it is unsubscribed, and the next send starts', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    const hot = new Subject<string>();
    const first = h.observed(a.send(hot));
    const skipped = h.observed(a.send(['never']));
    const last = h.observed(a.send(['last']));
    skipped.unsubscribe();
    first.unsubscribe();
    expect(hot.observed).toBe(false);
    await last.ended;
    a.end();
    await received.ended;
    h.sameBytes(received.values, 'last');
  });

  spec('keeps the stream open after the EOF of the peer until it completes', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    b.end();
    const hot = new Subject<string>();
    const seen = h.observed(a.send(hot));
    await h.until(() => a.isEof);
    await ticks();
    hot.next('late');
    hot.complete();
    await seen.ended;
    expect((await closedReport(a)).by).toBe('peer');
    await received.ended;
    h.sameBytes(received.values, 'late');
  });

  spec('keeps the order with plain writes before the stream is open', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    a.write('1');
    const seen = h.observed(a.send(['2', '3']));
    expect(a.state).toBe('opening');
    await seen.ended;
    a.end('4');
    await received.ended;
    h.sameBytes(received.values, '1234');
  });

  it('counts only its own bytes', () => {
    const noted = inVirtualTime(1000, (v) => {
      const [a, b] = v.joined({}, {}, { bandwidth: 1000, limit: 1 });
      b.data$.subscribe();
      a.write(Buffer.alloc(100));
      a.send([Buffer.alloc(50), Buffer.alloc(50)]).subscribe({ next: (sent) => v.note(`${sent} sent`), complete: () => v.note('done') });
      a.write(Buffer.alloc(100));
    });
    expect(noted.at(-1) ?? '').toMatch(/done$/);
    expect(noted.at(-2) ?? '').toMatch(/100 sent$/);
  });

  spec('runs 2,000 sends one after the other', async (h) => {
    const [a, b] = streamPair(h);
    const received = h.observed(b.data$);
    let completed = 0;
    for (let each = 0; each < 2000; each += 1) a.send(each % 2 ? ['x'] : of('x')).subscribe({ complete: () => (completed += 1) });
    await h.until(() => completed === 2000, 'all sends have completed');
    a.end();
    await received.ended;
    expect(Buffer.concat(received.values).length).toBe(2000);
  });
});
