import type { Socket } from 'node:net';
import { concat, defer, NEVER, of, switchMap, take, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, type IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { blackHole } from '../support/black-hole.ts';
import { spec } from '../support/spec.ts';
import { pattern } from '../support/loopback.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { host, knock, peer, type Peer } from './connect-tools.ts';

describe('unsubscribing from connect', () => {
  interface Stage {
    readonly name: string;
    readonly options?: Partial<IOStreamOptions>;
    readonly peer?: (socket: Socket) => void;
    /** Uses the stream. */
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
      name: 'with unread input',
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
    'closes the connection $name: the peer receives a FIN or RST, and no handle stays open',
    async (h, { options, peer: each, use, reached }) => {
      const far = await peer(h, each);
      const seen = h.observed<unknown>(connect({ ...far.to, ...options }).pipe(switchMap((io) => use?.(io) ?? concat(of(io), NEVER))));
      await h.until(() => reached(far, seen), 'the stage is reached');
      seen.unsubscribe();
      await h.until(() => far.ended.size === 1, 'the peer receives the end');
    },
  );

  spec('leaves no handle open in the tick of the subscription', async (h) => {
    const { to, ended, sockets } = await peer(h);
    h.observed(connect(to)).unsubscribe();
    await new Promise(setImmediate);
    await h.until(() => ended.size === sockets.length, 'a connection that was accepted has ended');
  });

  spec('ignores the late answer of a lookup', async (h) => {
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

  spec('leaves no handle open while it connects', async (h) => {
    const seen = h.observed(connect(await blackHole(h)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen.unsubscribe();
  });

  spec('closes the connection from inside its first notification', async (h) => {
    const { to, ended } = await peer(h);
    const seen = await h.observed(connect(to).pipe(take(1))).ended;
    expect(seen.state).toBe('complete');
    await h.until(() => ended.size === 1, 'the peer receives the end');
  });

  spec('emits no stream over a wire that connects at once, in the tick of the subscription', async (h) => {
    const [near] = memoryPair();
    const seen = h.observed(connect({ wire: near }));
    seen.unsubscribe();
    await new Promise(setImmediate);
    expect(seen.values).toEqual([]);
  });
});
