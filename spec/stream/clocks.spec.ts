import type { Socket } from 'node:net';
import { mock } from 'node:test';
import { TestScheduler } from 'rxjs/testing';
import { assert, beforeAll, describe, expect, vi } from 'vitest';
import { framed, IOStream, lines, open, requests } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { streamPair, resetAtEnd, serve, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 100 });
const echo = (socket: Socket): void => void socket.pipe(socket);
const nextTurn = setImmediate;
const later = setTimeout;

// Node 20: the first use emits a warning, which would fail a spec.
beforeAll(async () => {
  mock.timers.reset();
  await turns();
});

describe('frozen timers', () => {
  const FREEZE: Record<string, () => void> = {
    'vi.useFakeTimers()': () => vi.useFakeTimers(),
    'mock.timers of node:test': () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] }),
  };
  const thaw = (): void => {
    vi.useRealTimers();
    mock.timers.reset();
  };

  spec.each(Object.entries(FREEZE))('do not stop a socket: %s', async (h, _, freeze) => {
    const port = await serve(h, echo);
    h.defer(thaw);
    freeze();
    const io = await open({ host, port });
    h.defer(() => io.reset());
    let back = 0;
    io.data$.subscribe(({ length }) => (back += length));
    for (let each = 0; each < 1000; each += 1) {
      io.write('x');
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
    for (let each = 0; each < 1000 && back < 1000; each += 1) await new Promise<void>((resolve) => later(resolve, 1));
    expect(back).toBe(1000);
  });

  spec.each(Object.entries(FREEZE))('do not stop a pair in memory: %s', async (h, _, freeze) => {
    h.defer(thaw);
    freeze();
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    a.end('in memory');
    for (let each = 0; each < 1000 && seen.state === 'open'; each += 1) await new Promise<void>((resolve) => nextTurn(resolve));
    h.sameBytes(seen.values, 'in memory');
  });
});

describe('a wall clock that jumps', () => {
  spec.each([-3_600_000, 3_600_000])('changes no timeout when it jumps by %d ms', async (h, jump) => {
    const { now } = Date;
    let offset = 0;
    Date.now = () => now() + offset;
    h.defer(() => (Date.now = now));
    const reported = unhandled(h);
    const port = await serve(h, (socket) => socket.resume());
    const [io] = resetAtEnd(h, new IOStream({ host, port, timeouts: { idle: 400 } }));
    const { request } = requests(framed(io, codec), { timeout: 200 });
    const start = performance.now();
    const late = h.observed(request('x'));
    const { errors } = h.watch(io);
    await turns(3);
    offset = jump;
    expect(((await late.ended).error as { code: string }).code).toBe('ETIMEDOUT');
    const waited = performance.now() - start;
    assert(waited > 100, String(waited));
    h.error(await errors.value(), { code: 'ETOIDLE' });
    assert(performance.now() - start > 250);
    expect(reported).toStrictEqual([]);
  });
});

describe('virtual time', () => {
  spec('applies only to streams with a scheduler', async (h) => {
    const scheduler = new TestScheduler(() => {});
    const [near, far] = memoryPair();
    const [a, b] = resetAtEnd(
      h,
      new IOStream({ wire: near, scheduler, cb: () => {} }),
      new IOStream({ wire: far, scheduler, cb: () => {} }),
    );
    const [c, d] = streamPair(h);
    const real = h.observed(d.data$);
    let got = 0;
    b.data$.subscribe(({ length }) => (got += length));
    a.write('virtual');
    c.end('real');
    await real.ended;
    expect(got).toBe(0);
    scheduler.run(({ flush }) => {
      flush();
    });
    expect(got).toBe(7);
  });
});
