import type { Socket } from 'node:net';
import { asapScheduler, take, tap } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { assert, describe, expect } from 'vitest';
import { connect, framed, IOStream, lines, SENT, type IOStreamOptions } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { streamPair, resetAtEnd, serve, turns } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 100 });
const echo = (socket: Socket): void => void socket.pipe(socket);
const boom = (): never => {
  throw new Error('mine');
};
const isMine = (error: unknown): boolean => (error as Error).message === 'mine';
const later = setTimeout;

describe('a thrown error', () => {
  const THROWING: Record<string, (io: IOStream) => unknown> = {
    cb: (io) => (io.cb = boom),
    'a subscriber of events$': (io) => io.events$.subscribe(boom),
    'a subscriber of data$': (io) => io.data$.subscribe(boom),
    'a subscriber of eof$': (io) => io.eof$.subscribe(boom),
    'a subscriber of closed$': (io) => io.closed$.subscribe(boom),
    'a subscriber of messages$': (io) => framed(io, codec).messages$.subscribe(boom),
    'a subscriber of send': (io) => io.send(['x']).subscribe(boom),
    'a subscriber of blocked$': (io) => io.output.blocked$.subscribe(boom),
    'an action of asapScheduler': () => asapScheduler.schedule(boom),
  };

  spec.each(Object.entries(THROWING))(
    'stops no other stream when it is thrown in %s',
    async (h, _, arrange) => {
      const [a, b] = streamPair(h, { cb: () => {} }, { cb: () => {} });
      const [c, d] = streamPair(h);
      const seen = h.observed(d.data$);
      arrange(a);
      b.write('line\n');
      c.write('before ');
      await turns();
      b.end('line\n');
      c.end('after');
      h.sameBytes((await seen.ended).values, 'before after');
    },
    { uncaught: isMine },
  );

  spec('stops no later stream when it is thrown in TestScheduler.run', async (h) => {
    const scheduler = new TestScheduler(() => {});
    const [near, far] = memoryPair();
    expect(() =>
      scheduler.run(() => {
        resetAtEnd(h, new IOStream({ wire: near, scheduler, cb: () => {} }), new IOStream({ wire: far, scheduler, cb: () => {} }));
        scheduler.schedule(boom);
      }),
    ).toThrow();
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    a.end('alive');
    h.sameBytes((await seen.ended).values, 'alive');
    const got: string[] = [];
    const again = new TestScheduler(() => {});
    again.run(({ flush }) => {
      const pair = memoryPair();
      const [c, e] = pair.map((wire) => new IOStream({ wire, scheduler: again, cb: () => {} })) as [IOStream, IOStream];
      e.data$.subscribe((each) => got.push(each.toString()));
      c.end('virtual');
      e.end();
      flush();
    });
    expect(got).toStrictEqual(['virtual']);
  });
});

describe('a writer that writes on each SENT', () => {
  const write = (io: IOStream, mask: number): void => {
    if (mask & SENT) io.write('x');
  };

  spec.each<[string, (h: Harness) => Promise<IOStreamOptions>]>([
    ['a socket', async (h) => ({ host, port: await serve(h, (socket) => socket.resume()) })],
    [
      'a pair in memory',
      async (h) => {
        const [near, far] = memoryPair();
        const [peer] = resetAtEnd(h, new IOStream({ wire: far, cb: () => {} }));
        peer.data$.subscribe({ error: () => {} });
        return Promise.resolve({ wire: near });
      },
    ],
  ])('does not starve timers and other sockets: %s', async (h, _, to) => {
    const port = await serve(h, echo);
    const [io] = resetAtEnd(h, new IOStream({ ...(await to(h)), outBuf: 'x', cb: write as never }));
    const start = performance.now();
    const other = h.observed(connect({ host, port }, (each) => each.data$.pipe(tap({ subscribe: () => each.write('!') }), take(1))));
    await new Promise((resolve) => later(resolve, 20));
    await other.ended;
    assert(performance.now() - start < 10_000);
    await h.until(() => io.outBytes > 10, 'it still writes');
  });
});
