import { getEventListeners } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, scriptedStream, serve, ticks, unhandled } from './tools.ts';

function assertAborted(error: unknown, reason: unknown): void {
  const { name, code, cause } = error as { name?: string; code?: string; cause?: unknown };
  expect([name, code, cause]).toStrictEqual(['AbortError', 'ABORT_ERR', reason]);
}

describe('the `signal` option', () => {
  spec('dials nothing when it is aborted already, and errors `data$` and `send` with an AbortError', async (h) => {
    let accepted = 0;
    const port = await serve(h, () => (accepted += 1));
    const reason = new Error('the reason');
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port, signal: AbortSignal.abort(reason) }));
    expect(io.state, 'nothing is emitted before the end of the tick').toBe('opening');
    const { events, errors } = h.watch(io);
    const data = h.observed(io.data$);
    const sent = h.observed(io.send(['x']));
    const report = await closedReport(io);
    expect(report.by).toBe('us');
    assertAborted(report.error, reason);
    assertAborted((await data.ended).error, reason);
    assertAborted((await sent.ended).error, reason);
    expect([events.values, errors.values, accepted]).toStrictEqual([[], [], 0]);
  });

  spec('subscribes to no wire when it is aborted already, but frees an `fh`', async (h) => {
    const { wire, down } = scriptedStream();
    let subscribed = 0;
    const counting: typeof wire = (dial) => (flow$) => {
      subscribed += 1;
      return wire(dial)(flow$);
    };
    const [io] = resetAtEnd(h, new IOStream({ wire: counting, signal: AbortSignal.abort() }));
    await closedReport(io);
    const fh = new PassThrough();
    const [other] = resetAtEnd(h, new IOStream({ fh, signal: AbortSignal.abort() }));
    await closedReport(other);
    expect([down, subscribed, fh.destroyed]).toStrictEqual([[], 0, true]);
  });

  spec('cancels an attempt to connect at once, in each phase, and keeps no listener', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    for (const when of ['at once', 'resolving', 'connecting']) {
      const controller = new AbortController();
      const [io] = resetAtEnd(
        h,
        new IOStream({
          host: 'a.example',
          port,
          signal: controller.signal,
          lookup: (_host, _options, done) => {
            setImmediate(() => done(null, [{ address: '127.0.0.1', family: 4 }]));
          },
        }),
      );
      const { events } = h.watch(io);
      const data = h.observed(io.data$);
      if (when === 'resolving') await ticks();
      if (when === 'connecting') await events.value();
      controller.abort();
      expect(io.state).toBe('closed');
      expect(((await data.ended).error as Error).name).toBe('AbortError');
      expect((await closedReport(io)).connectedAt).toBe(undefined);
      expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
    }
  });

  spec('sends the queued bytes on an abort, and errors `data$` after the bytes read before it', async (h) => {
    const controller = new AbortController();
    const received: Buffer[] = [];
    const { io, socket } = await connectedToPeer(h, { signal: controller.signal }, (socket) =>
      socket.on('data', (chunk) => received.push(chunk)).on('end', () => socket.end()),
    );
    const data = h.observed(io.data$);
    const { errors, events } = h.watch(io);
    socket.write('half of');
    await data.value();
    io.write('queued');
    controller.abort();
    expect([events.state, io.write('x')]).toStrictEqual(['complete', false]);
    const report = await closedReport(io);
    expect([report.by, report.unsent]).toStrictEqual(['us', 0]);
    assertAborted((await data.ended).error, controller.signal.reason);
    h.sameBytes(data.values, 'half of');
    h.sameBytes(received, 'queued');
    expect(errors.values).toStrictEqual([]);
  });

  spec('errors `consume`, an iteration and `send` with the AbortError', async (h) => {
    const controller = new AbortController();
    const [a, b] = streamPair(h, { signal: controller.signal }, { signal: controller.signal });
    const consumed = h.observed(a.consume(() => []));
    const iteration = (async () => {
      for await (const chunk of b) expect(chunk.length).toBeGreaterThan(0);
    })();
    const source = (async function* () {
      for (;;) {
        await ticks();
        yield 'x';
      }
    })();
    const sent = h.observed(a.send(source));
    await ticks(30);
    controller.abort();
    await expect(iteration).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    for (const seen of [consumed, sent]) assertAborted((await seen.ended).error, controller.signal.reason);
    await Promise.all([closedReport(a), closedReport(b)]);
  });

  spec('keeps no listener after the stream has closed, by `close`, `reset`, `end` or the peer', async (h) => {
    const controller = new AbortController();
    const { signal } = controller;
    const ends: ((a: IOStream, b: IOStream) => void)[] = [(a) => a.close(), (a) => a.reset(), (_a, b) => b.reset(), (a) => a.end()];
    for (const end of ends) {
      const [a, b] = streamPair(h, { signal });
      h.watch(a);
      h.watch(b);
      await ticks();
      expect(getEventListeners(signal, 'abort').length).toBe(1);
      end(a, b);
      await Promise.all([closedReport(a), closedReport(b)]);
      expect(getEventListeners(signal, 'abort').length).toBe(0);
    }
    controller.abort();
  });

  spec('reports no unhandled error on an abort without a handler', async (h) => {
    const reported = unhandled(h);
    const controller = new AbortController();
    const [a] = streamPair(h, { signal: controller.signal });
    await ticks();
    controller.abort();
    await closedReport(a);
    expect(reported).toStrictEqual([]);
  });

  spec('frees an `fh` that is still connecting', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const controller = new AbortController();
    const fh = connect(port, '127.0.0.1');
    const [io] = resetAtEnd(h, new IOStream({ fh, signal: controller.signal }));
    controller.abort();
    expect((await closedReport(io)).by).toBe('us');
    expect(fh.destroyed).toBe(true);
  });
});
