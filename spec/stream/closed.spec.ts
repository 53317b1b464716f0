import { assert, describe, expect, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, serve, ticks, inVirtualTime } from './tools.ts';

describe('closed$', () => {
  spec('emits one report when the handle is free, replays it and completes', async (h) => {
    const { io, socket } = await connectedToPeer(h, {}, (socket) => socket.resume());
    const early = h.observed(io.closed$);
    io.write('12345');
    socket.write('123');
    await h.until(() => io.inBytes === 3);
    socket.end();
    await early.ended;
    const late = h.observed(io.closed$);
    expect([early.state, late.state, early.values.length]).toStrictEqual(['complete', 'complete', 1]);
    expect(late.values[0]).toBe(early.values[0]);
    const [report] = early.values;
    assert(report);
    const { startedAt, connectedAt, closedAt, ...rest } = report;
    expect(rest).toStrictEqual({ by: 'peer', bytesIn: 3, bytesOut: 5, unsent: 0 });
    assert(startedAt <= (connectedAt ?? 0) && (connectedAt ?? 0) <= closedAt && Date.now() - startedAt < 10_000);
    expect(io.state).toBe('closed');
  });

  spec('emits only after the socket is closed', async (h) => {
    const { io } = await connectedToPeer(h, {}, (socket) => socket.on('end', () => socket.end()).resume());
    const { fh } = io;
    io.close();
    expect((fh as { destroyed: boolean }).destroyed).toBe(false);
    await closedReport(io);
    expect((fh as { destroyed: boolean }).destroyed).toBe(true);
  });

  spec('reports `by: us` after a close, an end before the peer’s, and a reset', async (h) => {
    for (const act of [(io: IOStream) => io.close(), (io: IOStream) => io.end(), (io: IOStream) => io.reset()]) {
      const [a, b] = streamPair(h);
      h.watch(b);
      await ticks();
      act(a);
      const { by, error } = await closedReport(a);
      expect([by, error]).toStrictEqual(['us', undefined]);
    }
  });

  spec('reports `by: peer` when the peer ended first, and `by: error` with the error', async (h) => {
    const [a, b] = streamPair(h);
    b.end();
    expect((await closedReport(a)).by).toBe('peer');
    const [c, d] = streamPair(h);
    h.watch(c);
    await ticks();
    d.reset();
    const report = await closedReport(c);
    expect(report.by).toBe('error');
    h.error(report.error, { code: 'ECONNRESET' });
  });

  it('reports times of the scheduler, and no `connectedAt` when the stream was never connected', () => {
    const noted = inVirtualTime(100_000, (v) => {
      const [a, b] = v.joined({}, {}, { latency: 10 });
      v.at(1000, () => a.end('x'));
      for (const [name, io] of Object.entries({ a, b })) {
        io.closed$.subscribe(({ startedAt, connectedAt, closedAt }) => v.note(`${name} ${startedAt} ${String(connectedAt)} ${closedAt}`));
      }
      const never = v.stream({ wire: () => (flow$) => flow$ });
      v.at(500, () => never.close());
      never.closed$.subscribe(({ startedAt, connectedAt, closedAt }) => v.note(`never ${startedAt} ${String(connectedAt)} ${closedAt}`));
    });
    expect(noted[0]).toBe('500 never 0 undefined 500');
    expect(
      noted
        .slice(1)
        .map((line) => line.split(' ').slice(1, 4).join(' '))
        .sort(),
    ).toStrictEqual(['a 0 0', 'b 0 0']);
  });

  spec('counts all bytes, sent and unsent', async (h) => {
    const [a, b] = streamPair(h);
    const other = h.watch(b);
    b.pause();
    a.write(pattern(500_000));
    await ticks(20);
    a.reset();
    const { bytesOut, unsent } = await closedReport(a);
    expect(bytesOut + unsent).toBe(500_000);
    b.resume();
    h.observed(b.data$);
    await other.closed.ended;
    assert((other.closed.values as { bytesIn: number }[])[0]!.bytesIn >= bytesOut);
  });

  spec('emits after all other Observables of the stream have ended', async (h) => {
    const order: string[] = [];
    const [a, b] = streamPair(h);
    const on = (name: string) => ({
      next: () => {},
      error: () => order.push(`${name} error`),
      complete: () => order.push(`${name} complete`),
    });
    b.closed$.subscribe(() => order.push(`closed ${b.state}`));
    b.events$.subscribe(on('events'));
    b.errors$.subscribe(on('errors'));
    b.data$.subscribe(on('data'));
    b.output.subscribe(on('output'));
    a.end('x');
    await closedReport(b);
    expect(order.at(-1)).toStrictEqual('closed closed');
    expect([...order].sort()).toStrictEqual(['closed closed', 'data complete', 'errors complete', 'events complete', 'output complete']);
  });

  spec('allows a subscriber to connect again at once', async (h) => {
    const port = await serve(h, (socket) => socket.end('hello'));
    const received: string[] = [];
    const dial = (remaining: number): void => {
      const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
      io.data$.subscribe((chunk) => received.push(String(chunk)));
      io.closed$.subscribe(() => {
        if (remaining > 1) dial(remaining - 1);
      });
    };
    dial(5);
    await h.until(() => received.length === 5);
    await ticks();
  });
});
