import type { Socket } from 'node:net';
import { defer, NEVER, of, reduce, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, framed, IOStream, lines, requests, toDuplex } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { client, serving } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair, resetAtEnd, pattern, serve, ticks, turns, unhandled } from './tools.ts';

const host = '127.0.0.1';
const ANSWER = pattern(100_000);

/** Ends, then resets after the peer has read the end, as a socket does that closes with unread input. */
async function endThenReset(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.end('bye\n', resolve));
  await turns(20);
  socket.resetAndDestroy();
}

/**
 * Answers each connection, and resets it when its stream has read the end: a reset that overtakes bytes discards them. Returns the port, and a
 * handler that reads with `read`.
 */
async function answering(h: Harness, read: (io: IOStream) => Observable<number>): Promise<{ port: number; handler: typeof read }> {
  const streams = new Map<number | undefined, IOStream>();
  const port = await serve(h, async (socket) => {
    const { remotePort } = socket;
    await new Promise<void>((resolve) => socket.end(ANSWER, resolve));
    await turns(20);
    await h.until(() => streams.get(remotePort)?.isEof === true, 'the stream has read the end');
    socket.resetAndDestroy();
  });
  return { port, handler: (io) => (streams.set(io.localPort, io), read(io)) };
}

const length = (source$: Observable<Buffer>): Observable<number> => source$.pipe(reduce((sum, each) => sum + each.length, 0));

/** Ways to read the answer; each emits its length. */
const READS: Record<string, (io: IOStream) => Observable<number>> = {
  data$: (io) => length(io.data$),
  consume: (io) => length(io.consume((bytes) => of(bytes))),
  iteration: (io) =>
    defer(async () => {
      let sum = 0;
      for await (const bytes of io) sum += bytes.length;
      return sum;
    }),
};

/** Ways to use a stream. */
const USES: Record<string, (io: IOStream) => unknown> = {
  'no reader': () => undefined,
  data$: (io) => io.data$.subscribe(),
  consume: (io) => io.consume(() => of(1)).subscribe(),
  'messages$ and a request that was answered': (io) =>
    requests(framed(io, lines({ maxLength: 100 })))
      .request('question')
      .subscribe(),
  'a Duplex': (io) => toDuplex(io).resume(),
};

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

describe('a reset after EOF', () => {
  spec.each(Object.entries(READS))('loses no byte of the input on 100 connections at once, read by %s', async (h, _, read) => {
    const { port, handler } = await answering(h, read);
    const seen = Array.from({ length: 100 }, () => h.observed(connect({ host, port }, handler)));
    await Promise.all(seen.map(({ ended }) => ended));
    const wrong = seen.filter(({ state, values }) => state !== 'complete' || values[0] !== ANSWER.length);
    expect(wrong.map(({ state, values, error }) => [state, values, error])).toStrictEqual([]);
  });

  spec('loses no byte of the input when the event loop is blocked meanwhile', async (h) => {
    const { port, handler } = await answering(h, READS.data$!);
    const blocking = setInterval(() => block(20), 1);
    h.defer(() => clearInterval(blocking));
    const seen = Array.from({ length: 10 }, () => h.observed(connect({ host, port }, handler)));
    await Promise.all(seen.map(({ ended }) => ended));
    expect(seen.map(({ values }) => values)).toStrictEqual(seen.map(() => [ANSWER.length]));
  });

  spec.each(Object.entries(READS))(
    'never makes truncated data look complete when it overtakes the bytes, read by %s',
    async (h, _, read) => {
      const port = await serve(h, (socket) => {
        socket.end(ANSWER, () => socket.resetAndDestroy());
      });
      const seen = Array.from({ length: 30 }, () => h.observed(connect({ host, port }, read)));
      await Promise.all(seen.map(({ ended }) => ended));
      for (const { state, values } of seen)
        expect(state === 'error' || values[0] === ANSWER.length, `${state} ${values.join()}`).toBe(true);
    },
  );

  spec.each(Object.entries(USES))('causes no error when nothing is pending, with %s', async (h, _, use) => {
    const reported = unhandled(h);
    const port = await serve(h, (socket) => {
      socket.once('data', () => void endThenReset(socket));
    });
    const io: IOStream = new IOStream({ host, port, outBuf: 'question\n' });
    h.defer(() => io.reset());
    use(io);
    await h.until(() => io.state === 'closed', 'closed');
    await turns(20);
    expect([io.isEof, (await closedReport(io)).error, reported]).toStrictEqual([true, undefined, []]);
  });

  // A socket that neither reads nor writes does not notice a reset; a pair in memory does.
  spec.each(Object.entries(USES))('causes no error of a half-open stream when nothing is pending, with %s', async (h, _, use) => {
    const reported = unhandled(h);
    const [io, peer] = streamPair(h, { allowHalfOpen: true }, { allowHalfOpen: true, cb: () => {} });
    use(io);
    await ticks();
    peer.end('bye\n');
    await ticks();
    peer.reset();
    await h.until(() => io.state === 'closed', 'closed');
    await turns(20);
    expect([io.isEof, (await closedReport(io)).error, reported]).toStrictEqual([true, undefined, []]);
  });

  spec('completes `connect`, and causes no error of `errors$` or `cb`', async (h) => {
    const errors: unknown[] = [];
    const [near, far] = memoryPair();
    const [peer] = resetAtEnd(h, new IOStream({ wire: far, cb: () => {} }));
    const cb = (_: unknown, __: number, error?: unknown): void => {
      if (error) errors.push(error);
    };
    const seen = h.observed(connect({ wire: near, cb, allowHalfOpen: true }));
    await seen.value();
    peer.end('bye');
    await ticks();
    peer.reset();
    expect([(await seen.ended).state, errors]).toStrictEqual(['complete', []]);
  });

  spec('causes no error of a server whose handler waits', async (h) => {
    const { at, server, errors } = await serving(h, () => NEVER);
    const { socket } = await client(h, at);
    await endThenReset(socket);
    await h.until(() => server.size === 0, 'the connection has ended');
    expect(errors.values).toStrictEqual([]);
  });

  spec('causes one error when a send is in progress', async (h) => {
    const reported = unhandled(h);
    const [io, peer] = streamPair(h, { allowHalfOpen: true }, { cb: () => {} });
    const sending = h.observed(io.send(NEVER));
    const { errors } = h.watch(io);
    await ticks();
    peer.end();
    await ticks();
    peer.reset();
    await sending.ended;
    await turns(20);
    expect([sending.error, reported]).toStrictEqual([errors.values[0], []]);
    h.error(sending.error, { code: 'ECONNRESET' });
    expect(errors.values.length).toBe(1);
  });
});
