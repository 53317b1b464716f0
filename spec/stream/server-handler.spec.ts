import {
  catchError,
  concatMap,
  EMPTY,
  finalize,
  interval,
  map,
  NEVER,
  Observable,
  scan,
  switchMap,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { describe, expect } from 'vitest';
import { converse, IOStream } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { echo, password } from './server-tools.ts';
import { unhandled } from './tools.ts';

describe('the handler of a server', () => {
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

  spec('gets a stream whose fh no second stream may use until it is closed', async (h) => {
    let message = '';
    const { at, server } = await serving(h, (io) => {
      try {
        new IOStream({ fh: io.fh ?? -1 });
      } catch (error) {
        message = String(error);
      }
      return EMPTY;
    });
    const peer = await client(h, at);
    await h.until(() => peer.ended, 'FIN');
    peer.socket.end();
    await h.until(() => server.size === 0, 'the stream has closed');
    expect(message).toMatch(/^TypeError: can't create second object for same fh/);
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
    let save!: () => void;
    const saving = new Promise<void>((resolve) => (save = resolve));
    const { at, server } = await serving(h, (io) =>
      io.data$.pipe(
        toArray(),
        tap(() => io.end('bye')),
        concatMap((all) =>
          io.closed$.pipe(
            concatMap(() => saving),
            tap(() => (saved = Buffer.concat(all).toString())),
          ),
        ),
      ),
    );
    const peer = await client(h, at);
    peer.socket.end('order');
    await h.until(() => peer.ended && server.size === 0, 'both sides ended');
    expect(saved).toBe('');
    save();
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

  spec('closes its stream when one of its teardowns throws', async (h) => {
    const reported = unhandled(h);
    const { at, server } = await serving(
      h,
      (io) =>
        new Observable<never>(() => {
          setImmediate(() => io.close());
          return () => {
            throw new Error('in a teardown');
          };
        }),
    );
    const peer = await client(h, at);
    await h.until(() => peer.ended, 'FIN');
    peer.socket.end();
    await h.until(() => server.size === 0, 'the stream has closed');
    await h.until(() => reported.length === 1, 'reported');
    expect(String(reported[0])).toContain('in a teardown');
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
