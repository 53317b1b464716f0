import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { mock } from 'node:test';
import { asapScheduler, config, defer, map, mergeMap, of, switchMap, take, tap, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { assert, beforeAll, describe, expect, vi } from 'vitest';
import { connect, converse, framed, IOStream, lines, open, relay, requests, SENT, type IOStreamOptions } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { client, portOf, serving } from '../support/clients.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { joined, owned, serve, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 100 });
const echo = (socket: Socket): void => void socket.pipe(socket);
const boom = (): never => {
  throw new Error('mine');
};
const isMine = (error: unknown): boolean => (error as Error).message === 'mine';
const nextTurn = setImmediate;
const later = setTimeout;

// Node 20: the first use emits a warning, which would fail a spec.
beforeAll(async () => {
  mock.timers.reset();
  await turns();
});

/** RxJS marks the option as deprecated, but programs still use it. */
function useDeprecatedNextContext(h: Harness): void {
  Object.assign(config, { useDeprecatedNextContext: true });
  h.defer(() => Object.assign(config, { useDeprecatedNextContext: false }));
}

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
      const [a, b] = joined(h, { cb: () => {} }, { cb: () => {} });
      const [c, d] = joined(h);
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
        owned(h, new IOStream({ wire: near, scheduler, cb: () => {} }), new IOStream({ wire: far, scheduler, cb: () => {} }));
        scheduler.schedule(boom);
      }),
    ).toThrow();
    const [a, b] = joined(h);
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

describe('the async context', () => {
  const storage = new AsyncLocalStorage<string>();
  spec('of a callback is the one in which the stream was created', async (h) => {
    const port = await serve(h, (socket) => socket.end('line\n'));
    const wrong: string[] = [];
    const count = { calls: 0 };
    const streams: IOStream[] = [];
    for (const id of ['A', 'B', 'C'])
      storage.run(id, () => {
        const note = (what: string) => (): void => {
          count.calls += 1;
          if (storage.getStore() !== id) wrong.push(`${what} of ${id} in ${String(storage.getStore())}`);
        };
        const io: IOStream = new IOStream({ host, port, cb: note('cb'), onEvent: note('onEvent') });
        streams.push(io);
        io.events$.subscribe(note('events$'));
        io.data$.subscribe({ next: note('data$'), complete: note('data$ completes') });
        io.eof$.subscribe(note('eof$'));
        io.closed$.subscribe(note('closed$'));
        io.consume(() => [1]).subscribe(note('consume'));
        io.send(['x']).subscribe({ next: note('send'), error: note('send errors') });
      });
    await h.until(() => streams.every(({ state }) => state === 'closed'));
    expect(wrong).toStrictEqual([]);
    assert(count.calls > 20);
  });

  spec('of the values, the handler and the messages of connect is the one of the subscription', async (h) => {
    const port = await serve(h, echo);
    const wrong: string[] = [];
    await Promise.all(
      ['A', 'B'].map((id) =>
        storage.run(id, async () => {
          const note = <T>(what: string) =>
            tap<T>(() => storage.getStore() !== id && wrong.push(`${what} of ${id} in ${String(storage.getStore())}`));
          const use = (io: IOStream): Observable<unknown> => {
            const messages = framed(io, codec);
            return requests(messages)
              .request('question')
              .pipe(
                note('request'),
                mergeMap(() => io.send(['more\n'])),
                note('send'),
                take(1),
              );
          };
          await h.observed(connect({ host, port }).pipe(note('connect'), switchMap(use), take(1), note('values'))).ended;
          await h.observed(connect({ host, port }, (io) => of(io).pipe(note('handler'), mergeMap(use))).pipe(note('emits'))).ended;
        }),
      ),
    );
    expect(wrong).toStrictEqual([]);
  });

  spec('of the handlers of listen is the one of the subscription', async (h) => {
    const seen: unknown[] = [];
    const { server, at } = await storage.run('server', () => serving(h, (io) => (seen.push(storage.getStore()), io.send(io))));
    await storage.run('client', () => client(h, at));
    await h.until(() => seen.length === 1);
    assert(portOf(server) > 0);
    expect(seen).toStrictEqual(['server']);
  });
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
    const [a, b] = joined(h);
    const seen = h.observed(b.data$);
    a.end('in memory');
    for (let each = 0; each < 1000 && seen.state === 'open'; each += 1) await new Promise<void>((resolve) => nextTurn(resolve));
    h.sameBytes(seen.values, 'in memory');
  });
});

describe('the deprecated next context of RxJS', () => {
  spec.each<[string, (io: IOStream, h: Harness) => Observable<unknown>]>([
    ['data$', (io) => io.data$.pipe(map((each) => each.toString()))],
    ['consume', (io) => io.consume((each) => of(each.toString()))],
    ['messages$', (io) => framed(io, codec).messages$],
    [
      'request',
      (io) =>
        requests(framed(io, codec))
          .request('x')
          .pipe(map(() => 'line')),
    ],
    ['converse', (io) => converse(io, (link) => link.readUntil('\n', 100))],
    ['send', (io) => io.send([])],
    ['for await', (io) => defer(() => io[Symbol.asyncIterator]().next())],
  ])('changes nothing for %s', async (h, _, read) => {
    useDeprecatedNextContext(h);
    const port = await serve(h, (socket) => {
      socket.resume().on('end', () => socket.end());
      socket.write('line\n');
    });
    const seen = h.observed(connect({ host, port }, (io) => read(io, h).pipe(take(1))));
    expect([(await seen.ended).state, seen.values.length]).toStrictEqual(['complete', 1]);
  });

  spec('changes nothing for relay, listen and output', async (h) => {
    useDeprecatedNextContext(h);
    const back = await serving(h, (io) => io.send(io));
    const front = await serving(h, (io) => connect(back.at).pipe(mergeMap((other) => relay(io, other))), { allowHalfOpen: true });
    const io = await open(front.at);
    h.defer(() => io.reset());
    const seen = h.observed(io.data$);
    io.output.next('through');
    io.output.complete();
    h.sameBytes((await seen.ended).values, 'through');
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
        const [peer] = owned(h, new IOStream({ wire: far, cb: () => {} }));
        peer.data$.subscribe({ error: () => {} });
        return Promise.resolve({ wire: near });
      },
    ],
  ])('does not starve timers and other sockets: %s', async (h, _, to) => {
    const port = await serve(h, echo);
    const [io] = owned(h, new IOStream({ ...(await to(h)), outBuf: 'x', cb: write as never }));
    const start = performance.now();
    const other = h.observed(connect({ host, port }, (each) => each.data$.pipe(tap({ subscribe: () => each.write('!') }), take(1))));
    await new Promise((resolve) => later(resolve, 20));
    await other.ended;
    assert(performance.now() - start < 2000);
    assert(io.outBytes > 10, String(io.outBytes));
  });
});

describe('a wall clock that jumps', () => {
  spec.each([-3_600_000, 3_600_000])('changes no timeout: %d ms', async (h, jump) => {
    const { now } = Date;
    let offset = 0;
    Date.now = () => now() + offset;
    h.defer(() => (Date.now = now));
    const reported = unhandled(h);
    const port = await serve(h, (socket) => socket.resume());
    const [io] = owned(h, new IOStream({ host, port, timeouts: { idle: 60 } }));
    const { request } = requests(framed(io, codec), { timeout: 30 });
    const late = h.observed(request('x'));
    const { errors } = h.watch(io);
    await turns(3);
    const start = performance.now();
    offset = jump;
    expect(((await late.ended).error as { code: string }).code).toBe('ETIMEDOUT');
    const waited = performance.now() - start;
    assert(waited > 15, String(waited));
    h.error(await errors.value(), { code: 'ETOIDLE' });
    assert(performance.now() - start > 40);
    expect(reported).toStrictEqual([]);
  });
});

describe('virtual time', () => {
  spec('applies only to streams with a scheduler', async (h) => {
    const scheduler = new TestScheduler(() => {});
    const [near, far] = memoryPair();
    const [a, b] = owned(h, new IOStream({ wire: near, scheduler, cb: () => {} }), new IOStream({ wire: far, scheduler, cb: () => {} }));
    const [c, d] = joined(h);
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
