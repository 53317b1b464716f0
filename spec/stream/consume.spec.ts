import { EMPTY, NEVER, of, Subject, throwError, timer, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import {
  closedReport,
  connectedToPeer,
  streamPair,
  resetAtEnd,
  pattern,
  scriptedStream,
  ticks,
  turns,
  usedMiB,
  inVirtualTime,
} from './tools.ts';

describe('consume', () => {
  spec('handles the next chunk when the inner Observable has completed, and completes after EOF', async (h) => {
    const [a, b] = streamPair(h);
    let active = 0;
    const seen = h.observed(
      b.consume(async (chunk) => {
        active += 1;
        expect(active).toBe(1);
        await turns(1);
        active -= 1;
        return String(chunk);
      }),
    );
    for (let each = 0; each < 20; each += 1) {
      a.write(`${each} `);
      await ticks(3);
    }
    a.end();
    expect((await seen.ended).state).toBe('complete');
    expect(seen.values.join('')).toBe(Array.from({ length: 20 }, (_, each) => `${each} `).join(''));
  });

  spec('accepts any ObservableInput, and emits its values', async (h) => {
    const [a, b] = streamPair(h);
    const inputs = [() => of(1, 2), () => [3], () => Promise.resolve(4), () => EMPTY];
    const seen = h.observed(b.consume(() => (inputs.shift() ?? (() => EMPTY))()));
    for (let each = 0; each < 5; each += 1) {
      a.write('x');
      await ticks(20);
    }
    a.end();
    await seen.ended;
    expect(seen.values).toStrictEqual([1, 2, 3, 4]);
  });

  spec('handles nothing before it is subscribed', async (h) => {
    const [a, b] = streamPair(h);
    const handled: Buffer[] = [];
    const consume$ = b.consume((chunk) => {
      handled.push(chunk);
      return EMPTY;
    });
    a.write('x');
    await h.until(() => b.inBuf.length > 0);
    await ticks();
    expect(handled).toStrictEqual([]);
    h.observed(consume$);
    await ticks();
    h.sameBytes(handled, 'x');
  });

  spec('handles the bytes of inBuf first', async (h) => {
    const [a, b] = streamPair(h);
    a.write('first');
    await h.until(() => b.inBuf.length > 0);
    const seen = h.observed(b.consume((chunk) => of(String(chunk))));
    a.end(' second');
    await seen.ended;
    expect(seen.values.join('')).toBe('first second');
    expect(b.inBuf.length).toBe(0);
  });

  it('reads on only when the inner Observable completes, and pauses the peer meanwhile', () => {
    const noted = inVirtualTime(1_000_000, (v) => {
      const [a, b] = v.joined({ timeouts: { write: 0 } }, { highWaterMark: 1000 }, { limit: 1000 });
      const inner$ = new Subject<never>();
      let handled = 0;
      b.consume((chunk) => {
        handled += chunk.length;
        return inner$;
      }).subscribe({ error: () => {} });
      for (let each = 0; each < 100; each += 1) v.at(each, () => a.write(new Uint8Array(1000)));
      v.at(10_000, () => v.note(`${handled} handled, ${b.inBuf.length < 3000 ? 'little' : 'much'} ahead, ${a.output.pending} wait`));
    });
    expect(noted[0] ?? '').toMatch(/^10000 1000 handled, little ahead, 9[5-9]000 wait$/);
  });

  spec('handles 100,000 chunks with synchronous inner Observables without recursion', async (h) => {
    const { wire, up } = scriptedStream();
    const [b] = resetAtEnd(h, new IOStream({ wire }));
    let depth = 0;
    let deepest = 0;
    let count = 0;
    const seen = h.observed(
      b.consume(() => {
        depth += 1;
        deepest = Math.max(deepest, depth);
        depth -= 1;
        count += 1;
        return EMPTY;
      }),
    );
    await ticks();
    for (let each = 0; each < 100_000; each += 1) up({ kind: 'data', bytes: Buffer.from('x') });
    up({ kind: 'end' });
    await seen.ended;
    expect([count, deepest]).toStrictEqual([100_000, 1]);
  });

  spec('errors with the error of an inner Observable, and leaves the stream open for the next consumer', async (h) => {
    for (const handle of [
      () => throwError(() => new Error('mine')),
      () => Promise.reject(new Error('mine')),
      () => {
        throw new Error('mine');
      },
    ]) {
      const [a, b] = streamPair(h);
      a.write('1');
      const first = h.observed(b.consume(handle));
      expect(((await first.ended).error as Error).message).toBe('mine');
      expect(b.state).toBe('open');
      const second = h.observed(b.consume((chunk) => of(String(chunk))));
      a.end('2');
      await second.ended;
      expect(second.values).toStrictEqual(['2']);
    }
  });

  spec('stops reading when it is unsubscribed, unsubscribes its inner Observable, and leaves the stream open', async (h) => {
    const [a, b] = streamPair(h);
    const inner$ = new Subject<number>();
    const first = h.observed(b.consume(() => inner$));
    a.write('1');
    await h.until(() => inner$.observed);
    first.unsubscribe();
    expect([inner$.observed, b.state]).toStrictEqual([false, 'open']);
    a.end('2');
    const second = h.observed(b.consume((chunk) => of(String(chunk))));
    await second.ended;
    expect(second.values).toStrictEqual(['2']);
  });

  spec('rejects a second consumer or iteration, and continues the first', async (h) => {
    const [a, b] = streamPair(h);
    const first = h.observed(b.consume((chunk) => of(String(chunk))));
    const second = h.observed(b.consume(() => EMPTY));
    expect((await second.ended).error).toBeInstanceOf(TypeError);
    await expect(b[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
    a.end('x');
    await first.ended;
    expect(first.values).toStrictEqual(['x']);
  });

  spec('errors with the error of the stream, after all chunks read before it', async (h) => {
    const [a, b] = streamPair(h);
    const handled: string[] = [];
    a.write('read before');
    const seen = h.observed(
      b.consume(async (chunk) => {
        await turns(2);
        handled.push(String(chunk));
      }),
    );
    await ticks();
    a.reset();
    h.error((await seen.ended).error, { code: 'ECONNRESET' });
    expect(handled).toStrictEqual(['read before']);
  });

  spec('completes on our own close, and handles no chunk after it', async (h) => {
    const [a, b] = streamPair(h);
    const inner$ = new Subject<never>();
    const handled: string[] = [];
    const seen = h.observed(
      b.consume((chunk) => {
        handled.push(String(chunk));
        return inner$;
      }),
    );
    a.write('1');
    await h.until(() => handled.length > 0);
    a.write('2');
    await h.until(() => b.inBuf.length > 0);
    b.close();
    inner$.complete();
    await seen.ended;
    await closedReport(b);
    expect([seen.state, handled]).toStrictEqual(['complete', ['1']]);
  });

  spec('emits the chunks that it reads on data$ too', async (h) => {
    const [a, b] = streamPair(h);
    const handled: Buffer[] = [];
    const consumed = h.observed(
      b.consume((chunk) => {
        handled.push(chunk);
        return timer(1);
      }),
    );
    const data = h.observed(b.data$);
    for (let each = 0; each < 5; each += 1) {
      a.write(pattern(5000, each + 1));
      await ticks();
    }
    a.end();
    await Promise.all([consumed.ended, data.ended]);
    h.sameBytes(data.values, handled);
    expect(Buffer.concat(handled).length).toBe(25_000);
  });

  spec('handles nothing while the stream is paused', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.consume((chunk) => of(String(chunk))));
    await ticks();
    b.pause();
    a.end('buffered');
    await turns();
    expect(seen.values).toStrictEqual([]);
    b.resume();
    await seen.ended;
    expect(seen.values).toStrictEqual(['buffered']);
  });

  spec('allows a write and a close from inside the handler', async (h) => {
    const [a, b] = streamPair(h);
    const back = h.observed(a.data$);
    const seen = h.observed(
      b.consume((chunk) => {
        b.write(chunk);
        if (String(chunk) === 'last') b.close();
        return EMPTY;
      }),
    );
    a.write('last');
    expect((await seen.ended).state).toBe('complete');
    h.sameBytes((await back.ended).values, 'last');
  });

  describe('with concurrency', () => {
    spec('handles up to `concurrency` chunks at the same time, started in order, and completes after all of them', async (h) => {
      const { wire, up } = scriptedStream();
      const [b] = resetAtEnd(h, new IOStream({ wire }));
      const started: string[] = [];
      const inners = Array.from({ length: 5 }, () => new Subject<string>());
      const seen = h.observed(b.consume((chunk) => inners[started.push(String(chunk)) - 1]!, { concurrency: 3 }));
      await ticks();
      for (const text of ['a', 'b', 'c', 'd']) {
        up({ kind: 'data', bytes: Buffer.from(text) });
        await ticks();
      }
      expect(started).toStrictEqual(['a', 'b', 'c']);
      inners[1]?.next('B');
      inners[1]?.complete();
      expect(started).toStrictEqual(['a', 'b', 'c', 'd']);
      up({ kind: 'end' });
      inners[0]?.complete();
      inners[2]?.next('C');
      inners[2]?.complete();
      await ticks();
      expect([seen.state, seen.values]).toStrictEqual(['open', ['B', 'C']]);
      inners[3]?.complete();
      expect(seen.state).toBe('complete');
    });

    it('pauses the peer while `concurrency` chunks are being handled', () => {
      const noted = inVirtualTime(1_000_000, (v) => {
        const [a, b] = v.joined({ timeouts: { write: 0 } }, { highWaterMark: 1000 }, { limit: 1000 });
        let handled = 0;
        let chunks = 0;
        const handle = (chunk: Buffer): Observable<never> => {
          handled += chunk.length;
          chunks += 1;
          return NEVER;
        };
        b.consume(handle, { concurrency: 4 }).subscribe({ error: () => {} });
        for (let each = 0; each < 100; each += 1) v.at(each, () => a.write(new Uint8Array(1000)));
        v.at(10_000, () =>
          v.note(`${chunks} chunks, ${b.inBuf.length < 3000 ? 'little' : 'much'} ahead, ${handled + a.output.pending} known`),
        );
      });
      expect(noted[0] ?? '').toMatch(/^10000 4 chunks, little ahead, (9[5-9]\d{3}|100000) known$/);
    });

    spec('errors with one of the inner Observables, and unsubscribes the others', async (h) => {
      const { wire, up } = scriptedStream();
      const [b] = resetAtEnd(h, new IOStream({ wire }));
      const inners = [new Subject<never>(), new Subject<never>()];
      let started = 0;
      const seen = h.observed(b.consume(() => inners[started++]!, { concurrency: 2 }));
      await ticks();
      for (let each = 0; each < 2; each += 1) {
        up({ kind: 'data', bytes: Buffer.from('x') });
        await ticks();
      }
      inners[1]?.error(new Error('mine'));
      expect([seen.state, inners[0]?.observed, b.state]).toStrictEqual(['error', false, 'open']);
    });

    it.each([0, -1, 1.5, NaN, Infinity, '2'])('rejects a concurrency of %s', (concurrency) => {
      const [left] = memoryPair();
      const io = new IOStream({ wire: left });
      expect(() => io.consume(() => EMPTY, { concurrency: concurrency as number })).toThrow(TypeError);
      io.reset();
    });
  });

  spec('bounds its memory when a fast peer sends 100 MB to a slow handler', async (h) => {
    const total = 100_000_000;
    const { io, socket } = await connectedToPeer(h);
    const before = usedMiB();
    let maxUsed = 0;
    let ahead = 0;
    let handled = 0;
    let chunks = 0;
    const seen = h.observed(
      io.consume((chunk) => {
        handled += chunk.length;
        chunks += 1;
        ahead = Math.max(ahead, chunk.length); // All bytes read ahead arrive as one chunk.
        if (chunks % 200 === 0) maxUsed = Math.max(maxUsed, usedMiB() - before);
        return timer(1);
      }),
    );
    const piece = pattern(100_000);
    let written = 0;
    const feed = (): void => {
      while (written < total) {
        written += piece.length;
        if (!socket.write(piece)) {
          socket.once('drain', feed);
          return;
        }
      }
      socket.end();
    };
    feed();
    await seen.ended;
    expect(handled).toBe(total);
    console.log(`consume: 100 MB in ${chunks} chunks, at most ${maxUsed.toFixed(1)} MiB more in use, ${ahead} bytes ahead`);
    expect(maxUsed < 16, `${maxUsed} MiB`).toBe(true);
    expect(ahead <= 2 * 65_536, `${ahead} bytes`).toBe(true);
  });
});
