import { describe, expect } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, pattern, ticks, turns } from './tools.ts';

async function all(io: IOStream): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of io) chunks.push(chunk);
  return chunks;
}

describe('for await', () => {
  spec('reads all bytes in order and ends after EOF', async (h) => {
    const [a, b] = streamPair(h);
    const received = all(b);
    for (let each = 0; each < 100; each += 1) {
      a.write(pattern(5000, each + 1));
      if (each % 10 === 0) await ticks();
    }
    a.end();
    h.sameBytes(
      await received,
      Array.from({ length: 100 }, (_, each) => pattern(5000, each + 1)),
    );
    expect((await received).every((chunk) => Buffer.isBuffer(chunk))).toBe(true);
  });

  spec('pauses the peer while the body runs', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    for (let each = 0; each < 200; each += 1) socket.write(pattern(65_536));
    socket.end();
    let total = 0;
    let maxBytes = 0;
    for await (const chunk of io) {
      if (total < 2_000_000) await turns(5);
      total += chunk.length;
      maxBytes = Math.max(maxBytes, chunk.length, io.inBuf.length);
    }
    expect(total).toBe(200 * 65_536);
    expect(maxBytes <= 2 * 65_536, `${maxBytes} bytes`).toBe(true);
  });

  spec('leaves the stream open on `break`, and a second loop continues there', async (h) => {
    const [a, b] = streamPair(h);
    a.write('1');
    for await (const chunk of b) {
      expect(String(chunk)).toBe('1');
      break;
    }
    expect(b.state).toBe('open');
    a.end('2');
    h.sameBytes(await all(b), '2');
    await closedReport(b);
  });

  spec('leaves the stream open when the body throws', async (h) => {
    const [a, b] = streamPair(h);
    a.write('1');
    await expect(async () => {
      for await (const chunk of b) expect.unreachable(String(chunk));
    }).rejects.toThrow(/1/);
    expect(b.state).toBe('open');
    a.end('2');
    h.sameBytes(await all(b), '2');
  });

  spec('throws the error of the stream after all chunks read before it', async (h) => {
    const [a, b] = streamPair(h);
    const received: Buffer[] = [];
    a.write('before');
    const loop = (async () => {
      for await (const chunk of b) received.push(chunk);
    })();
    await ticks();
    a.reset();
    const error: unknown = await loop.catch((error: unknown) => error);
    h.error(error, { code: 'ECONNRESET' });
    h.sameBytes(received, 'before');
    await expect(all(b)).rejects.toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
  });

  spec('ends on our own close, and reads no chunk after it', async (h) => {
    const [a, b] = streamPair(h);
    const received: string[] = [];
    const loop = (async () => {
      for await (const chunk of b) {
        received.push(String(chunk));
        a.write('more');
        await h.until(() => b.inBuf.length > 0);
        b.close();
      }
    })();
    a.write('1');
    await loop;
    expect(received).toStrictEqual(['1']);
    await closedReport(b);
    h.sameBytes(await all(b), '');
  });

  spec('ends at once on a closed stream, after the remaining bytes', async (h) => {
    const [a, b] = streamPair(h);
    a.end('unread');
    await closedReport(b);
    h.sameBytes(await all(b), 'unread');
    h.sameBytes(await all(b), '');
  });

  spec('rejects with a TypeError while the stream has another reader', async (h) => {
    const [a, b] = streamPair(h);
    const received = all(b);
    await expect(all(b)).rejects.toThrow(TypeError);
    const second = h.observed(b.consume(() => []));
    expect((await second.ended).error).toBeInstanceOf(TypeError);
    a.end('x');
    h.sameBytes(await received, 'x');
  });
});

describe('the iterator', () => {
  spec('resolves several calls of `next` in order', async (h) => {
    const [a, b] = streamPair(h);
    const iterator = b[Symbol.asyncIterator]();
    const pending = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
    a.write('1');
    await h.until(() => b.inBytes === 1);
    await ticks();
    a.end('2');
    const results = await Promise.all(pending);
    expect(results.map(({ done, value }) => [done, value === undefined ? undefined : String(value)])).toStrictEqual([
      [false, '1'],
      [false, '2'],
      [true, undefined],
      [true, undefined],
    ]);
  });

  spec('resolves a waiting `next` when `return` is called', async (h) => {
    const [, b] = streamPair(h);
    const iterator = b[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toStrictEqual({ done: true, value: undefined });
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
    await iterator.return?.();
    expect(b.state).toBe('open');
  });

  spec('throws an error once, then is done', async (h) => {
    const [a, b] = streamPair(h);
    const iterator = b[Symbol.asyncIterator]();
    const pending = iterator.next();
    await ticks();
    a.reset();
    await expect(pending).rejects.toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
  });
});

describe('Symbol.asyncDispose', () => {
  spec('closes the stream and waits for `closed$`', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    await ticks();
    a.write('x');
    const disposed = a[Symbol.asyncDispose]();
    expect(a.state).toBe('closing');
    await disposed;
    expect(a.state).toBe('closed');
    h.sameBytes((await seen.ended).values, 'x');
    await a[Symbol.asyncDispose]();
  });

  spec('works with `await using`', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    {
      await using io = a;
      io.write('x');
      await ticks();
    }
    expect(a.state).toBe('closed');
    h.sameBytes((await seen.ended).values, 'x');
  });

  spec('resolves also when the stream has failed', async (h) => {
    const [a, b] = streamPair(h);
    h.watch(a);
    await ticks();
    b.reset();
    await closedReport(a);
    await a[Symbol.asyncDispose]();
  });
});
