import { getEventListeners } from 'node:events';
import type { Socket } from 'node:net';
import {
  concat,
  concatMap,
  defer,
  firstValueFrom,
  NEVER,
  of,
  race,
  repeat,
  retry,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  timeout,
  TimeoutError,
  timer,
  toArray,
  type Observable,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { connect, handshake, type IOStream, type IOStreamOptions, type Plugin } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { blackHole } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort, pattern } from '../support/loopback.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { serve, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';

/** Says a word and waits for `ok`. */
const knock = (word: string): Plugin =>
  handshake({
    *talk(link) {
      link.send(word);
      yield* link.read(2);
      return { word };
    },
  });

/** A peer on loopback: its sockets, what they read, and how many of them saw our end, FIN or RST. */
async function peer(h: Harness, each: (socket: Socket) => void = () => {}): Promise<Peer> {
  const sockets: Socket[] = [];
  const gone = new Set<Socket>();
  const port = await serve(h, (socket) => {
    sockets.push(socket);
    for (const event of ['end', 'error', 'close']) socket.on(event, () => gone.add(socket));
    each(socket);
    if (socket.listenerCount('data') === 0 && !socket.isPaused()) socket.resume();
  });
  return { port, sockets, gone, to: { host, port } };
}

interface Peer {
  readonly port: number;
  readonly sockets: Socket[];
  readonly gone: Set<Socket>;
  readonly to: { readonly host: string; readonly port: number };
}

const echo = (socket: Socket): void => void socket.pipe(socket);
const text = (bytes: Buffer): string => bytes.toString();

describe('connect', () => {
  spec('is cold: each subscription is a connection of its own, and nothing happens before', async (h) => {
    let lookups = 0;
    const { port, sockets } = await peer(h, echo);
    const io$ = connect({
      host: 'some.name',
      port,
      lookup: (_host, _options, callback) => {
        lookups += 1;
        callback(null, [{ address: host, family: 4 }]);
      },
    });
    await new Promise(setImmediate);
    expect([lookups, sockets.length]).toEqual([0, 0]);
    const [one, two] = [h.observed(io$), h.observed(io$)];
    expect(await one.value()).not.toBe(await two.value());
    expect(lookups).toBe(2);
    await h.until(() => sockets.length === 2, 'two connections');
  });

  spec('emits the stream once, when the whole stack is connected', async (h) => {
    const { to, sockets } = await peer(h);
    const seen = h.observed(connect({ ...to, plugin: { inner: knock('two'), outer: knock('one') } }));
    const word = async (expected: string): Promise<void> => {
      await h.until(() => sockets[0]?.bytesRead === expected.length, expected);
      expect(seen.values).toEqual([]);
      sockets[0]?.write('ok');
    };
    await word('one');
    await word('onetwo');
    const io = await seen.value();
    expect(io.state).toBe('open');
    expect(io.details).toMatchObject({ inner: { word: 'two' }, outer: { word: 'one' } });
    expect(seen).toMatchObject({ state: 'open', values: [io] });
  });

  spec('completes when the stream has closed, whoever closed it', async (h) => {
    const { to, sockets } = await peer(h);
    const closings = [
      (io: IOStream) => io.close(),
      (io: IOStream) => io.reset(),
      (): void => void sockets[2]?.end(), // without half-open we end, too
    ];
    for (const [turn, close] of closings.entries()) {
      const seen = h.observed(connect(to));
      const io = await seen.value();
      await h.until(() => sockets.length === turn + 1, 'accepted');
      const socket = sockets[turn];
      socket?.on('end', () => socket.end());
      close(io);
      await seen.ended;
      expect(seen.state).toBe('complete');
      expect(io.state).toBe('closed');
    }
  });

  spec('errors when it cannot connect, and emits nothing', async (h) => {
    const seen = await h.observed(connect({ host, port: await deadPort() })).ended;
    expect(seen.values).toEqual([]);
    h.error(seen.error, { code: 'ECONNREFUSED', phase: 'connect' });
  });

  spec('errors on a fatal error, after the bytes that came before it, and nothing goes to onUnhandledError', async (h) => {
    const reported = unhandled(h);
    const { to, sockets } = await peer(h);
    const bytes = h.observed(connect(to).pipe(switchMap((io) => io.data$)));
    const bare = h.observed(connect(to));
    await h.until(() => sockets.length === 2, 'accepted');
    await bare.value();
    sockets[0]?.write('before');
    await h.until(() => bytes.values.length > 0, 'the bytes');
    for (const socket of sockets) socket.resetAndDestroy();
    await Promise.all([bytes.ended, bare.ended]);
    expect(text(Buffer.concat(bytes.values))).toBe('before');
    for (const { error } of [bytes, bare]) h.error(error, { code: 'ECONNRESET', phase: 'read' });
    expect(reported).toEqual([]);
  });

  spec('does not error for an error that is not fatal', async (h) => {
    const { to } = await peer(h);
    const seen = h.observed(connect({ ...to, waitFor: 0, timeouts: { idle: 5 } }));
    const io = await seen.value();
    const errors = h.observed(io.errors$);
    h.error(await errors.value(), { code: 'ETOIDLE' });
    expect([seen.state, io.state]).toEqual(['open', 'open']);
  });

  describe('does with the operators of RxJS what they say:', () => {
    spec('retry dials again; options as a function are made at each subscription', async (h) => {
      const { to } = await peer(h, echo);
      const places = [{ host, port: await deadPort() }, { host, port: await deadPort() }, to];
      const io$ = connect(() => ({ ...(places.shift() ?? to), outBuf: 'hello' })).pipe(retry({ count: 2, delay: 1 }));
      expect(places).toHaveLength(3);
      const seen = h.observed(io$.pipe(switchMap((io) => io.data$)));
      expect(text(await seen.value())).toBe('hello');
      expect(places).toHaveLength(0);
    });

    spec('retry reads on after a reset', async (h) => {
      const { to, sockets } = await peer(h, (socket) => void socket.write(`${sockets.length}`));
      const seen = h.observed(
        connect(to).pipe(
          switchMap((io) => io.data$),
          retry({ delay: 1 }),
        ),
      );
      for (let each = 1; each <= 3; each += 1) {
        await h.until(() => seen.values.length === each, 'the greeting');
        sockets.at(-1)?.resetAndDestroy();
      }
      expect(seen.values.slice(0, 3).map(text)).toEqual(['1', '2', '3']);
    });

    spec('repeat dials again when the peer has ended', async (h) => {
      const { to } = await peer(h, (socket) => void socket.end('once'));
      const seen = await h.observed(
        connect(to).pipe(
          switchMap((io) => io.data$),
          repeat(3),
        ),
      ).ended;
      expect(seen.state).toBe('complete');
      expect(text(Buffer.concat(seen.values))).toBe('onceonceonce');
    });

    spec('timeout gives up a connection that does not come', async (h) => {
      const { to, gone } = await peer(h);
      const seen = await h.observed(connect({ ...to, plugin: { never: knock('?') } }).pipe(timeout({ first: 30 }))).ended;
      expect(seen.error).toBeInstanceOf(TimeoutError);
      await h.until(() => gone.size === 1, 'the peer sees the end');
    });

    spec('race keeps the first that is connected, and closes the other', async (h) => {
      const [slow, fast] = [await peer(h), await peer(h)];
      const seen = h.observed(race(connect({ ...slow.to, plugin: { slow: knock('?') } }), connect(fast.to)));
      expect((await seen.value()).remotePort).toBe(fast.port);
      await h.until(() => slow.gone.size === slow.sockets.length, 'the other is closed');
      expect(fast.gone.size).toBe(0);
    });

    spec('takeUntil closes it', async (h) => {
      const stop = new Subject<void>();
      const { to, gone } = await peer(h, echo);
      const seen = h.observed(connect(to).pipe(takeUntil(stop)));
      const io = await seen.value();
      stop.next();
      expect([seen.state, io.state]).toEqual(['complete', 'open']);
      await Promise.resolve();
      expect(io.state).toBe('closing');
      await h.until(() => gone.size === 1 && io.state === 'closed', 'FIN');
    });

    spec('switchMap closes the one before', async (h) => {
      const turns = new Subject<number>();
      const { to, gone } = await peer(h, echo);
      const seen = h.observed(turns.pipe(switchMap(() => connect(to))));
      turns.next(1);
      const first = await seen.value();
      turns.next(2);
      await Promise.resolve();
      expect(first.state).toBe('closing');
      await h.until(() => seen.values.length === 2 && gone.size === 1, 'the second, and the end of the first');
      expect(seen.values[1]?.state).toBe('open');
    });

    spec('firstValueFrom gives a stream that closes: what was queued still leaves', async (h) => {
      const got: Buffer[] = [];
      const { to } = await peer(h, (socket) => void socket.on('data', (bytes) => got.push(bytes)).on('end', () => socket.end()));
      const io = await firstValueFrom(connect({ ...to, outBuf: 'last words' }));
      await turns();
      expect(io.state).not.toBe('open');
      expect(io.write('more')).toBe(false);
      await firstValueFrom(io.closed$);
      expect(text(Buffer.concat(got))).toBe('last words');
    });

    spec('a request and its answer', async (h) => {
      const { to } = await peer(h, echo);
      const answer$ = connect(to).pipe(
        concatMap((io) => {
          io.end('question');
          return io.data$.pipe(toArray());
        }),
      );
      const seen = await h.observed(answer$).ended;
      expect(seen.state).toBe('complete');
      expect(text(Buffer.concat(seen.values.flat()))).toBe('question');
    });
  });

  describe('unsubscribed', () => {
    interface Stage {
      readonly name: string;
      readonly options?: Partial<IOStreamOptions>;
      readonly peer?: (socket: Socket) => void;
      /** What is done with the stream. */
      readonly use?: (io: IOStream) => Observable<unknown>;
      reached(p: Peer, seen: ObserverSpy<unknown>): boolean;
    }
    const pour = (socket: Socket): void => {
      const more = (): void => {
        while (socket.writable && socket.write(pattern(65_536)));
      };
      socket.on('drain', more).resume();
      more();
    };
    const stages: Stage[] = [
      {
        name: 'in the first handshake',
        options: { plugin: { b: knock('b'), a: knock('a') } },
        reached: ({ sockets }) => sockets[0]?.bytesRead === 1,
      },
      {
        name: 'in the second handshake',
        options: { plugin: { b: knock('bb'), a: knock('a') } },
        peer: (socket) => void socket.once('data', () => socket.write('ok')),
        reached: ({ sockets }) => sockets[0]?.bytesRead === 3,
      },
      { name: 'when it is open', reached: ({ sockets }, seen) => seen.values.length === 1 && sockets.length === 1 },
      { name: 'in the middle of reading', peer: pour, use: (io) => io.data$, reached: (_, seen) => seen.values.length > 2 },
      {
        name: 'with input that nobody reads',
        peer: pour,
        reached: (_, seen) => ((seen.values[0] as IOStream | undefined)?.inBuf.length ?? 0) >= 65_536,
      },
      {
        name: 'in the middle of writing to a peer that does not read',
        options: { timeouts: { close: 50 } },
        peer: (socket) => {
          socket.pause();
          setTimeout(() => socket.resume(), 200);
        },
        use: (io) => io.send(defer(() => of(pattern(16_000_000)))),
        reached: (_, seen) => seen.values.length > 0,
      },
      {
        name: 'after EOF',
        options: { allowHalfOpen: true },
        peer: (socket) => void socket.end('bye'),
        reached: (_, seen) => (seen.values[0] as IOStream | undefined)?.isEof === true,
      },
    ];
    spec.each(stages)(
      '$name, it closes: the peer sees FIN or RST, and nothing is left',
      async (h, { options, peer: each, use, reached }) => {
        const far = await peer(h, each);
        const seen = h.observed<unknown>(connect({ ...far.to, ...options }).pipe(switchMap((io) => use?.(io) ?? concat(of(io), NEVER))));
        await h.until(() => reached(far, seen), 'the stage is reached');
        seen.unsubscribe();
        await h.until(() => far.gone.size === 1, 'the peer sees the end');
      },
    );

    spec('in the tick of the subscription, nothing is left', async (h) => {
      const { to, gone, sockets } = await peer(h);
      h.observed(connect(to)).unsubscribe();
      await new Promise(setImmediate);
      await h.until(() => gone.size === sockets.length, 'if anything came, it is gone');
    });

    spec('while it resolves, the late answer is ignored', async (h) => {
      const { port, sockets } = await peer(h);
      let answer = (): void => {};
      const seen = h.observed(
        connect({ host: 'some.name', port, lookup: (_host, _options, callback) => (answer = () => callback(null, host, 4)) }),
      );
      await new Promise(setImmediate);
      seen.unsubscribe();
      answer();
      await new Promise(setImmediate);
      expect(sockets).toEqual([]);
    });

    spec('while it connects, nothing is left', async (h) => {
      const seen = h.observed(connect(await blackHole(h)));
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.unsubscribe();
    });

    spec('from inside its first notification, it closes', async (h) => {
      const { to, gone } = await peer(h);
      const seen = await h.observed(connect(to).pipe(take(1))).ended;
      expect(seen.state).toBe('complete');
      await h.until(() => gone.size === 1, 'the peer sees the end');
    });

    spec('in the same tick as a wire that is there at once, it never emits', async (h) => {
      const [near] = memoryPair();
      const seen = h.observed(connect({ wire: near }));
      seen.unsubscribe();
      await new Promise(setImmediate);
      expect(seen.values).toEqual([]);
    });
  });

  describe('with an AbortSignal', () => {
    spec('that is aborted already, errors with an AbortError and dials nothing', async (h) => {
      const { to, sockets } = await peer(h);
      const seen = await h.observed(connect({ ...to, signal: AbortSignal.abort() })).ended;
      expect(seen).toMatchObject({ state: 'error', values: [], error: { name: 'AbortError' } });
      await new Promise(setImmediate);
      expect(sockets).toEqual([]);
    });

    spec('errors with an AbortError at once, in a handshake and when it is open, also when the peer does not answer', async (h) => {
      for (const plugin of [{ slow: knock('?') }, {}]) {
        const controller = new AbortController();
        const { to, gone, sockets } = await peer(h);
        const seen = h.observed(connect({ ...to, plugin, signal: controller.signal, timeouts: { close: 50 } }));
        await h.until(() => sockets[0]?.bytesRead === 1 || seen.values.length === 1, 'it is there');
        controller.abort();
        expect(seen).toMatchObject({ state: 'error', error: { name: 'AbortError' } });
        await h.until(() => gone.size === 1, 'the peer sees the end');
        await h.until(() => getEventListeners(controller.signal, 'abort').length === 0, 'no listener');
      }
    });

    spec('leaves no listener on it, however it ends', async (h) => {
      const { signal } = new AbortController();
      const { to, sockets } = await peer(h);
      const failed = h.observed(connect({ host, port: await deadPort(), signal }));
      const left = h.observed(connect({ ...to, signal }));
      const over = h.observed(connect({ ...to, signal }));
      await Promise.all([failed.ended, left.value(), over.value()]);
      await h.until(() => sockets.length === 2, 'accepted');
      expect(getEventListeners(signal, 'abort')).toHaveLength(2);
      left.unsubscribe();
      for (const socket of sockets) socket.end();
      await over.ended;
      await h.until(() => getEventListeners(signal, 'abort').length === 0, 'no listener');
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /options/],
    ['null', null, /options/],
    ['nowhere to connect to', {}, /exactly one of/],
    ['two places', { host, port: 1, path: '/x' }, /exactly one of/],
    ['a host without port', { host }, /`port`/],
    ['port 70000', { host, port: 70_000 }, /`port`/],
    ['an unknown option', { host, port: 1, timeout: 1 }, /`timeout`/],
    ['an unknown timeout', { host, port: 1, timeouts: { dial: 1 } }, /`dial`/],
    ['a cb without the method', { host, port: 1, cb: {} }, /`IO`/],
    ['a plugin that is none', { host, port: 1, plugin: { rc4: 'key' } }, /`plugin`/],
  ])('throws a TypeError at the call for %s', (_name, options, words) => {
    expect(() => connect(options as never)).toThrow(TypeError);
    expect(() => connect(options as never)).toThrow(words);
  });

  spec('errors with the TypeError of options that a function made, and with what the function throws', async (h) => {
    const wrong = await h.observed(connect(() => ({ host, port: 70_000 }))).ended;
    expect(wrong.error).toBeInstanceOf(TypeError);
    const thrown = new Error('no configuration');
    const threw = await h.observed(
      connect((): IOStreamOptions => {
        throw thrown;
      }),
    ).ended;
    expect(threw.error).toBe(thrown);
  });

  spec('errors when an end that is single-use is dialled again', async (h) => {
    const [near] = memoryPair();
    const io$ = connect({ wire: near, timeouts: { close: 10 } });
    await h.observed(io$).value();
    const again = await h.observed(io$).ended;
    h.error(again.error, { code: 'EALREADY', phase: 'connect' });
  });

  describe('timeouts.establish spans all phases and names the one it cut:', () => {
    const establish = { establish: 60 };
    const cut = async (h: Harness, options: IOStreamOptions): Promise<unknown> => {
      const started = performance.now();
      const seen = await h.observed(connect(options)).ended;
      expect(performance.now() - started).toBeGreaterThan(58);
      expect(seen.values).toEqual([]);
      return seen.error;
    };

    spec('EDNS while it resolves', async (h) => {
      const error = await cut(h, { host: 'some.name', port: 1, lookup: () => {}, timeouts: establish });
      h.error(error, { code: 'EDNS', phase: 'resolve' });
    });

    spec('ETOCONNECT while it connects, with what is left', async (h) => {
      const { port } = await blackHole(h);
      const lookup: IOStreamOptions['lookup'] = (_host, _options, callback) =>
        void setTimeout(() => callback(null, [{ address: host, family: 4 }]), 30);
      const error = await cut(h, { host: 'some.name', port, lookup, timeouts: establish });
      h.error(error, { code: 'ETOCONNECT', phase: 'connect' });
    });

    spec('ETOHANDSHAKE in the second handshake, with its name', async (h) => {
      const { to } = await peer(h, (socket) => void socket.once('data', () => setTimeout(() => socket.write('ok'), 30)));
      const error = await cut(h, { ...to, plugin: { second: knock('b'), first: knock('a') }, timeouts: establish });
      h.error(error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'second' });
    });

    spec('nothing once it is connected', async (h) => {
      const { to } = await peer(h, echo);
      const seen = h.observed(
        connect({ ...to, timeouts: { establish: 40 } }).pipe(
          switchMap((io) =>
            timer(80).pipe(
              tap(() => io.end('late')),
              switchMap(() => io.data$),
            ),
          ),
        ),
      );
      expect(text(await seen.value())).toBe('late');
    });
  });
});
