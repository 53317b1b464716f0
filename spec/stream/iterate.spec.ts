import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import type { IOStream } from 'rxjs-io-stream';
import { invariants } from '../support/harness.ts';
import { closing, dialled, joined, pattern, ticks, turns } from './tools.ts';

async function all(io: IOStream): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of io) chunks.push(chunk);
  return chunks;
}

describe('for await', () => {
  it(
    'takes all bytes in order and ends after EOF',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const got = all(b);
      for (let each = 0; each < 100; each += 1) {
        a.write(pattern(5000, each + 1));
        if (each % 10 === 0) await ticks();
      }
      a.end();
      h.sameBytes(
        await got,
        Array.from({ length: 100 }, (_, each) => pattern(5000, each + 1)),
      );
      assert.ok((await got).every((chunk) => Buffer.isBuffer(chunk)));
    }),
  );

  it(
    'pulls: the peer is held up while the body runs',
    invariants(async (h) => {
      const { io, socket } = await dialled(h);
      for (let each = 0; each < 200; each += 1) socket.write(pattern(65_536));
      socket.end();
      let total = 0;
      let most = 0;
      for await (const chunk of io) {
        if (total < 2_000_000) await turns(5);
        total += chunk.length;
        most = Math.max(most, chunk.length, io.inBuf.length);
      }
      assert.equal(total, 200 * 65_536);
      assert.ok(most <= 2 * 65_536, `${most} bytes`);
    }),
  );

  it(
    'leaves the stream open on break, and a second loop goes on where it was',
    invariants(async (h) => {
      const [a, b] = joined(h);
      a.write('1');
      for await (const chunk of b) {
        assert.equal(String(chunk), '1');
        break;
      }
      assert.equal(b.state, 'open');
      a.end('2');
      h.sameBytes(await all(b), '2');
      await closing(b);
    }),
  );

  it(
    'leaves the stream open when the body throws',
    invariants(async (h) => {
      const [a, b] = joined(h);
      a.write('1');
      await assert.rejects(async () => {
        for await (const chunk of b) assert.fail(String(chunk));
      }, /1/);
      assert.equal(b.state, 'open');
      a.end('2');
      h.sameBytes(await all(b), '2');
    }),
  );

  it(
    'throws the error of the stream, after all chunks read before',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const got: Buffer[] = [];
      a.write('before');
      const loop = (async () => {
        for await (const chunk of b) got.push(chunk);
      })();
      await ticks();
      a.reset();
      const error: unknown = await loop.catch((error: unknown) => error);
      h.error(error, { code: 'ECONNRESET' });
      h.sameBytes(got, 'before');
      await assert.rejects(all(b), { code: 'ECONNRESET' });
    }),
  );

  it(
    'ends on our own close, and is given no chunk after it',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const got: string[] = [];
      const loop = (async () => {
        for await (const chunk of b) {
          got.push(String(chunk));
          a.write('more');
          await h.until(() => b.inBuf.length > 0);
          b.close();
        }
      })();
      a.write('1');
      await loop;
      assert.deepEqual(got, ['1']);
      await closing(b);
      h.sameBytes(await all(b), '');
    }),
  );

  it(
    'ends at once on a stream that is closed, after what is left',
    invariants(async (h) => {
      const [a, b] = joined(h);
      a.end('left');
      await closing(b);
      h.sameBytes(await all(b), 'left');
      h.sameBytes(await all(b), '');
    }),
  );

  it(
    'is refused with a TypeError while somebody else takes',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const got = all(b);
      await assert.rejects(all(b), TypeError);
      const second = h.observed(b.consume(() => []));
      assert.ok((await second.ended).error instanceof TypeError);
      a.end('x');
      h.sameBytes(await got, 'x');
    }),
  );
});

describe('the iterator', () => {
  it(
    'answers several calls of next in order',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const iterator = b[Symbol.asyncIterator]();
      const asked = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
      a.write('1');
      await h.until(() => b.inBytes === 1);
      await ticks();
      a.end('2');
      const results = await Promise.all(asked);
      assert.deepEqual(
        results.map(({ done, value }) => [done, value === undefined ? undefined : String(value)]),
        [
          [false, '1'],
          [false, '2'],
          [true, undefined],
          [true, undefined],
        ],
      );
    }),
  );

  it(
    'wakes who waits when it is returned',
    invariants(async (h) => {
      const [, b] = joined(h);
      const iterator = b[Symbol.asyncIterator]();
      const waiting = iterator.next();
      await iterator.return?.();
      assert.deepEqual(await waiting, { done: true, value: undefined });
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
      await iterator.return?.();
      assert.equal(b.state, 'open');
    }),
  );

  it(
    'throws an error once, and is done then',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const iterator = b[Symbol.asyncIterator]();
      const asked = iterator.next();
      await ticks();
      a.reset();
      await assert.rejects(asked, { code: 'ECONNRESET' });
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    }),
  );
});

describe('Symbol.asyncDispose', () => {
  it(
    'closes and waits for closed$',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(b.data$);
      await ticks();
      a.write('x');
      const disposed = a[Symbol.asyncDispose]();
      assert.equal(a.state, 'closing');
      await disposed;
      assert.equal(a.state, 'closed');
      h.sameBytes((await seen.ended).values, 'x');
      await a[Symbol.asyncDispose]();
    }),
  );

  it(
    'works with `await using`',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const seen = h.observed(b.data$);
      {
        await using io = a;
        io.write('x');
        await ticks();
      }
      assert.equal(a.state, 'closed');
      h.sameBytes((await seen.ended).values, 'x');
    }),
  );

  it(
    'resolves also when the stream failed',
    invariants(async (h) => {
      const [a, b] = joined(h);
      h.watch(a);
      await ticks();
      b.reset();
      await closing(a);
      await a[Symbol.asyncDispose]();
    }),
  );
});
