import { once } from 'node:events';
import { connect } from 'node:net';
import {
  catchError,
  concatMap,
  config,
  defer,
  EMPTY,
  finalize,
  interval,
  map,
  NEVER,
  type Observable,
  of,
  scan,
  switchMap,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { describe, expect } from 'vitest';
import { converse, handshake, type IOStream } from 'rxjs-io-stream';
import { client, portOf, refusal, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { unhandled } from './tools.ts';

/** Requires a password line before anything else. */
const password = handshake({
  *talk(link) {
    const word = Buffer.from(yield* link.readUntil('\n', 16)).toString();
    if (word !== 'sesame\n') throw new Error('expected the password, got another word');
    link.send('come in\n');
    return { word };
  },
});

const echo = (io: IOStream): Observable<number> => io.send(io);

describe('Server', () => {
  describe('its handler', () => {
    spec('is called per connection, when the whole stack is connected', async (h) => {
      const streams: IOStream[] = [];
      const handler = (io: IOStream): Observable<never> => (streams.push(io), NEVER);
      const { server, at } = await serving(h, handler, { plugin: { password } });
      const [first, second] = [await client(h, at), await client(h, at)];
      await h.until(() => server.size === 2, 'both are in their handshakes');
      expect(streams).toEqual([]);
      second.socket.write('sesame\n');
      await h.until(() => second.text === 'come in\n', 'the handshake is complete');
      expect(streams).toHaveLength(1);
      expect(streams[0]).toMatchObject({ state: 'open', details: { password: { word: 'sesame\n' } } });
      expect(first.text).toBe('');
    });

    spec('closes the stream after the written bytes when it completes', async (h) => {
      const { at, server } = await serving(h, (io) => (io.write('all of it'), EMPTY));
      const peer = await client(h, at);
      await h.until(() => peer.ended, 'FIN');
      expect(peer).toMatchObject({ text: 'all of it', error: undefined });
      peer.socket.end();
      await h.until(() => server.size === 0, 'the stream has closed');
    });

    spec('resets its stream and reports to errors$ when it errors or throws, and the server goes on', async (h) => {
      const [late, early, bad] = [new Error('late'), new Error('early'), new Error('bad')];
      const handlers = [
        (): Observable<never> => throwError(() => late),
        (): never => {
          throw early;
        },
        (): never => undefined as never,
        (): Promise<never> => Promise.reject(bad),
      ];
      const { at, errors } = await serving(h, (io) => (handlers.shift() ?? echo)(io));
      for (let each = 0; each < 4; each += 1) {
        const peer = await client(h, at);
        await h.until(() => peer.closed, 'reset');
        expect(peer.error).toBe('ECONNRESET');
      }
      expect(errors.values).toEqual([late, early, expect.any(TypeError), bad]);
      const good = await client(h, at);
      good.socket.end('still there');
      await h.until(() => good.ended, 'the echo');
      expect(good.text).toBe('still there');
    });

    spec('receives the end of its client and answers later with allowHalfOpen', async (h) => {
      const { at } = await serving(
        h,
        (io) =>
          io.data$.pipe(
            toArray(),
            concatMap((all) => timer(20).pipe(map(() => Buffer.concat(all).toString().toUpperCase()))),
            tap((answer) => io.write(answer)),
          ),
        { allowHalfOpen: true },
      );
      const peer = await client(h, at);
      peer.socket.end('question');
      await h.until(() => peer.ended, 'the answer');
      expect(peer.text).toBe('QUESTION');
    });

    spec.each(['end', 'reset'] as const)('is unsubscribed, although it does not read, when the peer closes with %s', async (h, how) => {
      let stopped = 0;
      const { at, server, errors } = await serving(h, (io) =>
        interval(1).pipe(
          tap((turn) => io.write(`${turn}\n`)),
          finalize(() => (stopped += 1)),
        ),
      );
      const peer = await client(h, at);
      await h.until(() => peer.text.includes('3\n'), 'ticks');
      if (how === 'end') peer.socket.end();
      else peer.socket.resetAndDestroy();
      await h.until(() => server.size === 0, 'the stream has closed');
      expect(stopped).toBe(1);
      // A peer that only ends may reset the connection at a later write, or not.
      if (how === 'reset') expect(errors.values).toHaveLength(1);
      else expect(errors.values.length).toBeLessThan(2);
      if (how === 'reset') h.error(errors.values[0], { fatal: true });
    });

    spec('is not unsubscribed while it handles what it read after both sides have ended', async (h) => {
      let saved = '';
      const { at, server } = await serving(h, (io) =>
        io.data$.pipe(
          toArray(),
          tap(() => io.end('bye')),
          concatMap((all) =>
            io.closed$.pipe(
              concatMap(() => timer(20)),
              tap(() => (saved = Buffer.concat(all).toString())),
            ),
          ),
        ),
      );
      const peer = await client(h, at);
      peer.socket.end('order');
      await h.until(() => peer.ended && server.size === 0, 'both sides ended');
      expect(saved).toBe('');
      await h.until(() => saved === 'order', 'it is saved');
    });

    spec('is unsubscribed when we close or reset the stream, before its Observables end', async (h) => {
      const notes: string[] = [];
      const ways = [(io: IOStream) => io.close(), (io: IOStream) => io.reset()];
      const { at } = await serving(h, (io) => {
        setImmediate(() => ways.shift()?.(io));
        return io.data$.pipe(
          tap({ complete: () => notes.push('complete'), error: () => notes.push('error') }),
          finalize(() => notes.push('stopped')),
        );
      });
      for (let each = 1; each <= 2; each += 1) {
        const peer = await client(h, at);
        await h.until(() => notes.length === each, 'stopped');
        peer.socket.destroy();
      }
      expect(notes).toEqual(['stopped', 'stopped']);
    });

    spec('is unsubscribed when the stream fails and it reads no more', async (h) => {
      let ticked = 0;
      let stopped = 0;
      const { at, server, errors } = await serving(h, (io) =>
        converse(io, function* (link) {
          return yield* link.readUntil('\n', 16);
        }).pipe(
          switchMap(() => interval(1)),
          tap(() => (ticked += 1)),
          finalize(() => (stopped += 1)),
        ),
      );
      const peer = await client(h, at);
      peer.socket.write('login\n');
      await h.until(() => ticked > 3, 'ticks');
      peer.socket.resetAndDestroy();
      await h.until(() => server.size === 0, 'the stream has closed');
      expect(stopped).toBe(1);
      h.error(errors.values[0], { code: 'ECONNRESET' });
    });

    spec('is not unsubscribed while it handles an error that its reader received', async (h) => {
      let saved = '';
      const { at, server } = await serving(h, (io) =>
        io.data$.pipe(
          scan((all, chunk) => all + chunk.toString(), ''),
          tap((all) => (saved = all)),
          catchError(() => timer(20).pipe(tap(() => (saved += ', cut off')))),
        ),
      );
      const peer = await client(h, at);
      peer.socket.write('half');
      await h.until(() => saved === 'half', 'the bytes');
      peer.socket.resetAndDestroy();
      await h.until(() => server.size === 0, 'the stream has closed');
      await h.until(() => saved === 'half, cut off', 'it is saved');
    });

    spec('is unsubscribed with the server, also if its stream has closed before', async (h) => {
      let stopped = 0;
      const { at, seen, server } = await serving(h, (io) =>
        io.data$.pipe(
          toArray(),
          tap(() => io.end('bye')),
          concatMap(() => NEVER),
          finalize(() => (stopped += 1)),
        ),
      );
      const peer = await client(h, at);
      peer.socket.end('order');
      await h.until(() => peer.ended && server.size === 0, 'both sides ended');
      expect(stopped).toBe(0);
      seen.unsubscribe();
      expect(stopped).toBe(1);
    });

    spec('is not called for a stream that a subscriber of connections$ has closed', async (h) => {
      const called: string[] = [];
      const { at, server } = await serving(h, (io) => (called.push(io.state), NEVER));
      server.connections$.subscribe((io) => io.close());
      const peer = await client(h, at);
      peer.socket.end();
      await h.until(() => peer.ended && server.size === 0, 'it is closed');
      expect(called).toEqual([]);
    });
  });

  describe('errors$', () => {
    spec('emits a reset by the peer once, whether the handler reads or not', async (h) => {
      const handlers = [(): Observable<never> => NEVER, (io: IOStream): Observable<unknown> => io.data$, echo];
      const { at, errors, server } = await serving(h, (io) => (handlers.shift() ?? echo)(io));
      for (let each = 1; each <= 3; each += 1) {
        const peer = await client(h, at);
        await h.until(() => server.size === 1, 'served');
        peer.socket.resetAndDestroy();
        await h.until(() => server.size === 0, 'the stream has closed');
        expect(errors.values).toHaveLength(each);
        h.error(errors.values.at(-1), { code: 'ECONNRESET', phase: 'read' });
      }
    });

    spec('emits the error of a failed handshake, and the listener goes on', async (h) => {
      const { at, errors } = await serving(h, echo, { plugin: { password } });
      const stranger = await client(h, at);
      stranger.socket.write('abracadabra\n');
      await h.until(() => stranger.closed, 'rejected');
      const silent = await client(h, at);
      silent.socket.end();
      await h.until(() => silent.closed || silent.ended, 'rejected, too');
      expect(errors.values).toHaveLength(2);
      for (const error of errors.values) h.error(error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'password' });
      const friend = await client(h, at);
      friend.socket.end('sesame\nhello');
      await h.until(() => friend.ended, 'the echo');
      expect(friend.text).toBe('come in\nhello');
    });

    spec('emits no error that a subscriber of the stream has handled', async (h) => {
      const handled: unknown[] = [];
      const { at, errors, server } = await serving(h, (io) => {
        io.errors$.subscribe((error) => handled.push(error));
        return NEVER;
      });
      (await client(h, at)).socket.resetAndDestroy();
      await h.until(() => handled.length === 1, 'the reset');
      await h.until(() => server.size === 0, 'the stream has closed');
      expect(errors.values).toEqual([]);
    });

    spec('emits what a callback throws', async (h) => {
      const thrown = new Error('thrown in cb');
      const { at, errors } = await serving(h, echo, {
        cb: () => {
          throw thrown;
        },
      });
      const peer = await client(h, at);
      peer.socket.write('x');
      await h.until(() => peer.closed, 'reset');
      expect(errors.values[0]).toBe(thrown);
    });

    spec(
      'turns an error into a warning of the process if it has no subscriber, and the server goes on',
      async (h) => {
        const { at, server, errors } = await serving(h, () => throwError(() => new Error('a bug')));
        errors.unsubscribe();
        const peer = await client(h, at);
        await h.until(() => peer.closed && server.size === 0, 'reset');
        await new Promise((resolve) => setTimeout(resolve));
        const next = await client(h, at);
        await h.until(() => next.closed, 'the next one is served, too');
      },
      { warnings: /a bug/ },
    );

    spec('leaves errors to config.onUnhandledError if it has no subscriber, except failed handshakes', async (h) => {
      const reported = unhandled(h);
      expect(config.onUnhandledError).toBeTypeOf('function');
      const bug = new Error('a bug');
      const { at, server, errors } = await serving(h, () => throwError(() => bug), { plugin: { password } });
      errors.unsubscribe();
      for (const word of ['wrong\n', 'sesame\n']) {
        const peer = await client(h, at);
        peer.socket.write(word);
        await h.until(() => server.size === 0 && (peer.closed || peer.ended), 'reset');
      }
      await h.until(() => reported.length > 0, 'the report');
      expect(reported).toEqual([bug]);
    });

    spec('completes when the server stops', async (h) => {
      const { seen, errors, server } = await serving(h, echo);
      const [connections, dropped] = [h.observed(server.connections$), h.observed(server.dropped$)];
      seen.unsubscribe();
      expect([errors.state, connections.state, dropped.state]).toEqual(['complete', 'complete', 'complete']);
    });
  });

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
      const drain$ = drain({ deadline: 300 });
      expect(await refusal(h, at)).toBeUndefined(); // cold: the server still listens
      await h.until(() => server.size === 4, 'the connection attempt has closed');
      const started = performance.now();
      const report = h.observed(drain$);
      expect(await refusal(h, at)).toBe('ECONNREFUSED');
      for (const { socket } of peers.slice(1)) socket.end('work');
      await h.until(() => server.size === 1, 'three have finished');
      expect(report.values).toEqual([]);
      await report.ended;
      expect(performance.now() - started).toBeGreaterThan(295);
      expect(report).toMatchObject({ state: 'complete', values: [{ finished: 3, cut: 1 }] });
      await h.until(() => peers.every(({ closed, ended }) => closed || ended), 'all have ended');
      expect(peers.map(({ text, error }) => error ?? text)).toEqual(['ECONNRESET', 'done', 'done', 'done']);
      expect(errors.values).toEqual([]);
    });

    spec('completes at once without connections, at each subscription', async (h) => {
      const { server } = await serving(h, echo);
      for (let each = 0; each < 2; each += 1) {
        const report = h.observed(server.drain({ deadline: 0 }));
        expect(report).toMatchObject({ state: 'complete', values: [{ finished: 0, cut: 0 }] });
      }
    });

    spec('waits without a limit with Infinity, and changes nothing when it is unsubscribed', async (h) => {
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
