import { getEventListeners } from 'node:events';
import { defer, mergeMap, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { handshake, open, type IOStream } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, served } from '../support/loopback.ts';
import { closedReport, turns, unhandled } from './tools.ts';
import type { Socket } from 'node:net';

const host = '127.0.0.1';
const greeted = handshake({
  *talk(link) {
    return { greeting: Buffer.from(yield* link.read(2)).toString() };
  },
});

/** The reason of a rejected promise. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('expected a rejection'),
    (error: unknown) => error,
  );
}

/** Resets a stream at the end of the spec, unless it has closed before. */
function owned(h: Harness, io: IOStream): IOStream {
  h.defer(() => io.reset());
  return io;
}

describe('open', () => {
  spec('resolves with the stream when the whole stack is connected', async (h) => {
    const place = await served(h, (socket) => void socket.write('hi there'));
    const io = owned(h, await open({ ...place, plugin: { greeted }, Name: 'mine' }));
    expect(io).toMatchObject({ state: 'open', Name: 'mine', details: { greeted: { greeting: 'hi' } } });
    const { value } = (await io[Symbol.asyncIterator]().next()) as { value: Buffer };
    expect(value.toString()).toBe(' there');
  });

  spec('leaves the stream open until the caller closes it', async (h) => {
    const place = await served(h, (socket) => void socket.pipe(socket));
    const io = owned(h, await open(place));
    await new Promise(setImmediate);
    expect(io.state).toBe('open');
    io.end('hello');
    const chunks: Buffer[] = [];
    for await (const chunk of io) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('hello');
    expect((await closedReport(io)).by).toBe('us');
  });

  spec('resolves with a stream that `await using` closes and waits for', async (h) => {
    let got: Promise<Buffer> | undefined;
    const place = await served(h, (socket: Socket) => {
      got = allOf(socket);
      socket.on('end', () => socket.end());
    });
    const io = await open(place);
    io.write('last words');
    await io[Symbol.asyncDispose](); // what `await using` calls at the end of its block
    expect(io.state).toBe('closed');
    expect((await got)?.toString()).toBe('last words');
    await io[Symbol.asyncDispose]();
  });

  describe('when it cannot connect', () => {
    spec('rejects with EDNS for a name without an address', async (h) => {
      const lookup = (_host: string, _options: unknown, callback: (error: Error, address: string) => void): void =>
        callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), '');
      h.error(await rejection(open({ host: 'some.name', port: 1, lookup })), { code: 'EDNS', phase: 'resolve' });
    });

    spec('rejects with ECONNREFUSED for a port without a listener', async (h) => {
      h.error(await rejection(open({ host, port: await deadPort() })), { code: 'ECONNREFUSED', phase: 'connect' });
    });

    spec('rejects with the error of a handshake that is cut off or times out', async (h) => {
      const ended = await served(h, (socket) => void socket.end('h'));
      const silent = await served(h);
      h.error(await rejection(open({ ...ended, plugin: { greeted } })), { code: 'EPROTOCOL', phase: 'handshake', layer: 'greeted' });
      const late = await rejection(open({ ...silent, plugin: { greeted }, timeouts: { handshake: 20 } }));
      h.error(late, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'greeted' });
    });

    spec('rejects with AbortError when it is aborted before or while it connects', async (h) => {
      const place = await served(h);
      expect(await rejection(open({ ...place, signal: AbortSignal.abort() }))).toMatchObject({ name: 'AbortError' });
      const controller = new AbortController();
      const opening = rejection(open({ ...place, plugin: { greeted }, signal: controller.signal }));
      await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
      expect(await opening).toMatchObject({ name: 'AbortError' });
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    });

    spec('rejects when a callback closes the stream', async (h) => {
      const place = await served(h);
      const opening = open({ ...place, onEvent: ({ io }: { io: IOStream }) => io.close() });
      expect(String(await rejection(opening))).toContain('the stream was closed before it was there');
    });

    spec('rejects with a TypeError for invalid options', async () => {
      for (const options of [undefined, {}, { host, port: 70_000 }, { host, port: 1, timeouts: { connect: -1 } }])
        expect(await rejection(open(options as never))).toBeInstanceOf(TypeError);
    });

    spec('reports the error only as the reason of the rejection', async (h) => {
      const reported = unhandled(h);
      await rejection(open({ host, port: await deadPort() }));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(reported).toEqual([]);
    });
  });

  describe('a fatal error after open', () => {
    spec('is reported to the next read, send or closed$, and never to the process', async (h) => {
      const reported = unhandled(h);
      for (const next of [
        (io: IOStream) => h.observed(io.data$),
        (io: IOStream) => h.observed(io.consume(() => [])),
        (io: IOStream) => h.observed(defer(() => io[Symbol.asyncIterator]().next())),
        (io: IOStream) => h.observed(io.send(['x'])),
        (io: IOStream) => h.observed(io.closed$.pipe(mergeMap(({ error }) => throwError(() => error)))),
      ]) {
        const sockets: Socket[] = [];
        const io = await open(await served(h, (socket) => void sockets.push(socket)));
        await h.until(() => sockets.length === 1, 'accepted');
        sockets[0]?.resetAndDestroy();
        await h.until(() => io.state === 'closed', 'the reset');
        await turns(20);
        h.error((await next(io).ended).error, { code: 'ECONNRESET', phase: 'read' });
      }
      expect(reported).toEqual([]);
    });

    spec('is reported to the subscribers of errors$ alone', async (h) => {
      const reported = unhandled(h);
      const sockets: Socket[] = [];
      const io = await open(await served(h, (socket) => void sockets.push(socket)));
      const errors = h.observed(io.errors$);
      await h.until(() => sockets.length === 1, 'accepted');
      sockets[0]?.resetAndDestroy();
      h.error(await errors.value(), { code: 'ECONNRESET' });
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(reported).toEqual([]);
    });

    spec('is reported to the next reader if it occurs before open() has resolved', async (h) => {
      const reported = unhandled(h);
      for (const reads of [true, false]) {
        const [near, far] = memoryPair();
        (await open({ wire: far })).reset();
        const io = await open({ wire: near }); // connected and reset in one tick
        expect(io.state).toBe('closed');
        if (reads) {
          const data = await h.observed(io.data$).ended;
          h.error(data.error, { code: 'ECONNRESET' });
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
        expect(reported).toEqual([]);
      }
    });
  });
});
