import { asyncScheduler, merge, Subscription, take, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, scriptedStream, ticks, turns, unhandled } from './tools.ts';

/** The number of frames on the call stack. */
function depth(): number {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = before;
  return stack.split('\n').length;
}

describe('many streams', () => {
  spec('10,000 streams close in one tick without an error and without a deep call stack', async (h) => {
    const streams: IOStream[] = [];
    for (let each = 0; each < 5000; each += 1) {
      const [left, right] = memoryPair();
      streams.push(new IOStream({ wire: left }), new IOStream({ wire: right }));
    }
    resetAtEnd(h, ...streams);
    await ticks(2);
    let closed = 0;
    let deepest = 0;
    const wrong: unknown[] = []; // 10,000 calls of expect() take longer than `until` waits on a busy machine.
    for (const io of streams) {
      io.closed$.subscribe(({ by, error }) => {
        closed += 1;
        if (closed % 100 === 0) deepest = Math.max(deepest, depth());
        if (by !== 'us' || error !== undefined) wrong.push([by, error]);
      });
    }
    for (const io of streams) io.close();
    await h.until(() => closed === 10_000, 'all are closed');
    expect(wrong).toStrictEqual([]);
    expect(deepest < 200, `${deepest} frames`).toBe(true);
  });

  spec('2,000 streams close each other in a chain without a deep call stack', async (h) => {
    const streams: IOStream[] = [];
    for (let each = 0; each < 1000; each += 1) {
      const [left, right] = memoryPair();
      streams.push(new IOStream({ wire: left }), new IOStream({ wire: right }));
    }
    resetAtEnd(h, ...streams);
    for (const [at, io] of streams.entries()) {
      io.errors$.subscribe();
      io.closed$.subscribe(() => streams[at + 1]?.close());
    }
    await ticks(2);
    streams[0]?.close();
    await closedReport(streams.at(-1)!);
  });

  spec('streams emit one report each in any order of opens, closes, errors, ends and unsubscriptions', async () => {
    let state = 42;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const acts: ((io: IOStream) => void)[] = [
      (io) => io.close(),
      (io) => io.reset(),
      (io) => io.end(),
      (io) => io.end('x'),
      (io) => void io.write('x'),
      (io) => void io.data$.pipe(take(1)).subscribe({ error: () => {} }),
      (io) => void io.consume(() => []).subscribe({ error: () => {} }),
      (io) => void io.send(['x', 'y']).subscribe({ error: () => {} }),
      (io) => io.pause(),
      (io) => io.resume(),
      (io) => io.output.error(new Error('x')),
      (io) => io.output.next('x'),
      () => {},
    ];
    let active: IOStream[] = [];
    const all: IOStream[] = [];
    let reports = 0;
    for (let tick = 0; tick < 25; tick += 1) {
      for (let each = 0; each < 50; each += 1) {
        const [left, right] = memoryPair();
        for (const wire of [left, right]) {
          const io: IOStream = new IOStream({ wire });
          let hasCompleted = false;
          io.events$.subscribe({ next: () => expect(hasCompleted).toBe(false), complete: () => (hasCompleted = true) });
          io.errors$.subscribe({ next: () => expect(hasCompleted).toBe(false) });
          io.closed$.subscribe(() => (reports += 1));
          active.push(io);
          all.push(io);
        }
      }
      for (let each = 0; each < 200; each += 1) acts[random(acts.length)]?.(active[random(active.length)]!);
      await ticks(1);
      active = active.filter(({ state }) => state !== 'closed').slice(-2000);
    }
    for (const io of all) io.reset();
    expect(reports, 'one report for each stream').toBe(all.length);
    await turns();
  });
});

describe('endless answers', () => {
  for (const place of ['data$', 'cb', 'consume'] as const) {
    spec(`two streams neither deepen the call stack nor starve a timer when they answer in ${place}`, async (h) => {
      const [a, b] = streamPair(h);
      let rounds = 0;
      let deepest = 0;
      let fired = 0;
      const answer = (io: IOStream): void => {
        rounds += 1;
        if (rounds % 100 === 0) deepest = Math.max(deepest, depth());
        if (rounds < 10_000) io.write('x');
        else io.close();
      };
      const timer = asyncScheduler.schedule(function () {
        fired += 1;
        this.schedule(undefined, 1);
      }, 1);
      h.defer(() => timer.unsubscribe());
      for (const io of [a, b]) {
        if (place === 'data$') io.data$.subscribe(() => answer(io));
        if (place === 'consume') io.consume(() => (answer(io), [])).subscribe();
        if (place === 'cb') {
          io.cb = (_io: IOStream, mask: number) => {
            if (mask & IN) {
              io.read();
              answer(io);
            }
          };
        }
      }
      a.write('x');
      await Promise.all([closedReport(a), closedReport(b)]);
      expect(rounds).toBeGreaterThanOrEqual(10_000);
      expect(deepest < 150, `${deepest} frames`).toBe(true);
      expect(fired >= 3, `the timer fired ${fired} times`).toBe(true);
    });
  }

  spec('a stream does not starve a timer when it writes at each OUT and SENT', async (h) => {
    const { io } = await connectedToPeer(h, {}, (socket) => socket.resume());
    let fired = false;
    const timer = asyncScheduler.schedule(() => (fired = true), 5);
    h.defer(() => timer.unsubscribe());
    io.events$.subscribe(({ mask }) => {
      if (mask & (OUT | SENT) && !fired) io.write('x');
    });
    io.write('x');
    await h.until(() => fired);
  });
});

describe('a stream that is used inside of its own notifications', () => {
  spec('sends the bytes of write() and end() in order before it closes', async (h) => {
    const [a, b] = streamPair(h);
    const back = h.observed(a.data$);
    b.events$.subscribe(({ mask }) => {
      if (!(mask & IN)) return;
      b.write('1');
      b.write('2');
      b.end('3');
      b.close();
      expect(b.write('4')).toBe(false);
    });
    a.write('x');
    h.sameBytes((await back.ended).values, '123');
    await closedReport(b);
  });

  spec('emits nothing to other subscribers after one of them has closed it', async (h) => {
    const [a, b] = streamPair(h);
    const seen: string[] = [];
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) b.close();
    });
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) seen.push('late');
    });
    const data = h.observed(b.data$);
    a.write('x');
    await closedReport(b);
    expect([seen, data.values, data.state]).toStrictEqual([[], [], 'complete']);
  });

  spec('loses nothing when a subscriber subscribes to its Observables', async (h) => {
    const [a, b] = streamPair(h);
    const all = new Subscription();
    b.events$.subscribe(() => {
      all.add(merge(b.events$, b.errors$, b.closed$, b.output.blocked$).subscribe());
    });
    const data = h.observed(b.data$);
    for (let each = 0; each < 10; each += 1) {
      a.write('x');
      await ticks(3);
    }
    a.end();
    h.sameBytes((await data.ended).values, 'xxxxxxxxxx');
    all.unsubscribe();
    expect((await closedReport(b)).by).toBe('peer');
  });

  spec('reports what a subscriber throws, and goes on', async (h) => {
    const reported = unhandled(h);
    const [a, b] = streamPair(h);
    for (const [name, source$] of Object.entries<Observable<unknown>>({ events: b.events$, data: b.data$, closed: b.closed$ })) {
      source$.subscribe(() => {
        throw new Error(name);
      });
    }
    const data = h.observed(b.data$);
    a.end('x');
    h.sameBytes((await data.ended).values, 'x');
    expect((await closedReport(b)).by).toBe('peer');
    const names = (): string[] => reported.map((error) => (error as Error).message);
    await h.until(() => names().includes('closed'));
    expect([...new Set(names())].sort()).toStrictEqual(['closed', 'data', 'events']);
  });

  spec('does not recurse when its wire answers synchronously', async (h) => {
    const { wire, up, down } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
    await ticks();
    let deepest = 0;
    let rounds = 0;
    const data = io.data$.subscribe(() => {
      rounds += 1;
      if (rounds % 500 === 0) deepest = Math.max(deepest, depth());
      io.write('x');
    });
    h.defer(() => data.unsubscribe());
    for (let each = 0; each < 10_000; each += 1) {
      up({ kind: 'pause' });
      up({ kind: 'data', bytes: Buffer.from('x') });
      up({ kind: 'resume' });
      const sent = down.splice(0).reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.bytes.length : 0), 0);
      if (sent > 0) up({ kind: 'sent', bytes: sent });
    }
    await ticks();
    expect(deepest > 0 && deepest < 150, `${deepest} frames`).toBe(true);
  });
});
