import { once } from 'node:events';
import { connect } from 'node:net';
import { NEVER, defer, of, tap, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import { type IOStream } from 'rxjs-io-stream';
import { client, portOf, refusal, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { echo, password } from './server-tools.ts';

describe('Server', () => {
  describe('connections$', () => {
    spec('emits each connection when its stack is connected, with a handler or without', async (h) => {
      for (const handler of [undefined, echo]) {
        const { server, at } = await serving(h, handler, { plugin: { password } });
        const streams = h.observed(server.connections$);
        const peer = await client(h, at);
        await h.until(() => server.size === 1, 'accepted');
        expect(streams.values).toEqual([]);
        peer.socket.end('sesame\n');
        const io = await streams.value();
        expect(io.state).toBe('open');
        io.end('bye');
        await h.until(() => peer.ended, 'FIN');
        expect(peer.text).toBe('come in\nbye');
      }
    });

    spec('leaves its streams open when it is unsubscribed', async (h) => {
      const { server, at } = await serving(h);
      const streams = h.observed(server.connections$);
      const peer = await client(h, at);
      const io = await streams.value();
      streams.unsubscribe();
      io.write('mine');
      await h.until(() => peer.text === 'mine', 'the bytes');
      expect(io.state).toBe('open');
    });

    spec('closes connections when it has no subscriber', async (h) => {
      const { at } = await serving(h);
      const peer = await client(h, at);
      await h.until(() => peer.ended, 'FIN');
    });
  });

  describe('maxConnections', () => {
    spec('serves two of five clients, drops three, and serves another one after the first has closed', async (h) => {
      const { server, at } = await serving(h, echo, { maxConnections: 2 });
      const dropped = h.observed(server.dropped$);
      expect(dropped.values).toEqual([0]);
      const peers = await Promise.all([1, 2, 3, 4, 5].map(() => client(h, at)));
      await h.until(() => dropped.values.at(-1) === 3 && server.size === 2, 'three dropped');
      for (const { socket } of peers) socket.write('hi');
      await h.until(() => peers.every(({ text, closed, ended }) => text === 'hi' || closed || ended), 'all have their answer');
      const served = peers.filter(({ text }) => text === 'hi');
      expect(served).toHaveLength(2);
      served[0]?.socket.end();
      await h.until(() => server.size === 1, 'one has closed');
      const sixth = await client(h, at);
      sixth.socket.write('me too');
      await h.until(() => sixth.text === 'me too', 'served');
      expect(dropped.values).toEqual([0, 1, 2, 3]);
      expect(h.observed(server.dropped$).values).toEqual([3]);
    });
  });

  describe('drain', () => {
    spec('waits for open connections, resets a stuck one at the deadline, and reports both numbers', async (h) => {
      const { server, at, errors } = await serving(h, (io) =>
        io.data$.pipe(
          toArray(),
          tap(() => io.write('done')),
        ),
      );
      const peers = await Promise.all([1, 2, 3, 4].map(() => client(h, at)));
      await h.until(() => server.size === 4, 'served');
      const { drain } = server; // can be taken out of its object
      const drain$ = drain({ deadline: 1000 });
      expect(await refusal(h, at)).toBeUndefined(); // cold: the server still listens
      await h.until(() => server.size === 4, 'the connection attempt has closed');
      const started = performance.now();
      const report = h.observed(drain$);
      expect(await refusal(h, at)).toBe('ECONNREFUSED');
      for (const { socket } of peers.slice(1)) socket.end('work');
      await h.until(() => server.size === 1, 'three have finished');
      expect(report.values).toEqual([]);
      await report.ended;
      expect(performance.now() - started).toBeGreaterThan(995);
      expect(report).toMatchObject({ state: 'complete', values: [{ finished: 3, cut: 1 }] });
      await h.until(() => peers.every(({ closed, ended }) => closed || ended), 'all have ended');
      expect(peers.map(({ text, error }) => error ?? text)).toEqual(['ECONNRESET', 'done', 'done', 'done']);
      expect(errors.values).toEqual([]);
    });

    spec('reports a reset by another drain as a reset', async (h) => {
      const { server, at } = await serving(h, () => NEVER);
      await client(h, at);
      await h.until(() => server.size === 1, 'served');
      const patient = h.observed(server.drain({ deadline: Infinity }));
      const hasty = h.observed(server.drain({ deadline: 0 }));
      await patient.ended;
      expect([patient.values, hasty.values]).toEqual([[{ finished: 0, cut: 1 }], [{ finished: 0, cut: 1 }]]);
    });

    spec('completes at once without connections, at each subscription', async (h) => {
      const { server } = await serving(h, echo);
      for (let each = 0; each < 2; each += 1) {
        const report = h.observed(server.drain({ deadline: 0 }));
        expect(report).toMatchObject({ state: 'complete', values: [{ finished: 0, cut: 0 }] });
      }
    });

    spec('waits forever if the deadline is Infinity, and changes nothing when it is unsubscribed', async (h) => {
      const { server, at } = await serving(h, echo);
      const peer = await client(h, at);
      await h.until(() => server.size === 1, 'served');
      const unsubscribed = h.observed(server.drain({ deadline: 10 }));
      unsubscribed.unsubscribe();
      const report = h.observed(server.drain({ deadline: Infinity }));
      await timerOf(40);
      peer.socket.write('still served');
      await h.until(() => peer.text === 'still served', 'the echo');
      peer.socket.end();
      await report.ended;
      expect(report.values).toEqual([{ finished: 1, cut: 0 }]);
    });

    spec('throws a TypeError for an invalid deadline', async (h) => {
      const { server } = await serving(h, echo);
      for (const deadline of [-1, Number.NaN, '1', undefined])
        expect(() => server.drain({ deadline: deadline as number })).toThrow(TypeError);
    });
  });

  describe('with hostile clients', () => {
    spec('survives 1,000 clients that reset their connections at once', async (h) => {
      const { server, at } = await serving(h, echo);
      const reset = async (): Promise<void> => {
        const socket = connect(at).on('error', () => {});
        await once(socket, 'connect');
        socket.resetAndDestroy();
        await once(socket, 'close');
      };
      for (let round = 0; round < 50; round += 1) await Promise.all(Array.from({ length: 20 }, reset));
      await h.until(() => server.size === 0, 'all have closed');
      const peer = await client(h, at);
      peer.socket.end('still there');
      await h.until(() => peer.ended, 'the echo');
    });

    spec('reports no error for clients that scan the port', async (h) => {
      const { server, at, errors } = await serving(h, echo);
      const scan = async (): Promise<void> => {
        const socket = connect(at).on('error', () => {});
        await once(socket, 'connect');
        socket.destroy();
        await once(socket, 'close');
      };
      for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 10 }, scan));
      await h.until(() => server.size === 0, 'all have closed');
      expect(errors.values).toEqual([]);
    });
  });

  spec('does not serve a connection that is accepted while it stops', async (h) => {
    // A plugin stops the server while the stack is built.
    const handled: IOStream[] = [];
    const { server, seen, at } = await serving(h, (io) => defer(() => of(handled.push(io))), {
      plugin: { stopper: (wire) => (dial) => (seen.unsubscribe(), wire(dial)) },
    });
    const peer = await client(h, at);
    await h.until(() => peer.ended || peer.closed, 'closed');
    peer.socket.destroy();
    await h.until(() => server.size === 0, 'the stream has closed');
    expect(handled).toEqual([]);
    expect(portOf(server)).toBe(at.port);
  });
});

function timerOf(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
