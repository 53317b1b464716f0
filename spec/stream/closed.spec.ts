import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { invariants } from '../support/harness.ts';
import { closing, dialled, joined, owned, pattern, serve, ticks, virtually } from './tools.ts';

describe('closed$', () => {
  it(
    'gives one report when the handle is free, replays it and completes',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, {}, (socket) => socket.resume());
      const early = h.observed(io.closed$);
      io.write('12345');
      socket.write('123');
      await h.until(() => io.inBytes === 3);
      socket.end();
      await early.ended;
      const late = h.observed(io.closed$);
      assert.deepEqual([early.state, late.state, early.values.length], ['complete', 'complete', 1]);
      assert.equal(late.values[0], early.values[0]);
      const [report] = early.values;
      assert.ok(report);
      const { startedAt, connectedAt, closedAt, ...rest } = report;
      assert.deepEqual(rest, { by: 'peer', bytesIn: 3, bytesOut: 5, unsent: 0 });
      assert.ok(startedAt <= (connectedAt ?? 0) && (connectedAt ?? 0) <= closedAt && Date.now() - startedAt < 10_000);
      assert.equal(io.state, 'closed');
    }),
  );

  it(
    'comes when the socket is closed for the kernel too',
    invariants(async (h) => {
      const { io } = await dialled(h, {}, (socket) => socket.on('end', () => socket.end()).resume());
      const { fh } = io;
      io.close();
      assert.equal((fh as { destroyed: boolean }).destroyed, false);
      await closing(io);
      assert.equal((fh as { destroyed: boolean }).destroyed, true);
    }),
  );

  it(
    'says by us for close, end first, and reset',
    invariants(async (h) => {
      for (const act of [(io: IOStream) => io.close(), (io: IOStream) => io.end(), (io: IOStream) => io.reset()]) {
        const [a, b] = joined(h);
        h.watch(b);
        await ticks();
        act(a);
        const { by, error } = await closing(a);
        assert.deepEqual([by, error], ['us', undefined]);
      }
    }),
  );

  it(
    'says by peer when the peer ended first, and by error with the error',
    invariants(async (h) => {
      const [a, b] = joined(h);
      b.end();
      assert.equal((await closing(a)).by, 'peer');
      const [c, d] = joined(h);
      h.watch(c);
      await ticks();
      d.reset();
      const report = await closing(c);
      assert.equal(report.by, 'error');
      h.error(report.error, { code: 'ECONNRESET' });
    }),
  );

  it('has no connectedAt when it never was connected, and all times on the scheduler', () => {
    const noted = virtually(100_000, (v) => {
      const [a, b] = v.joined({}, {}, { latency: 10 });
      v.at(1000, () => a.end('x'));
      for (const [name, io] of Object.entries({ a, b })) {
        io.closed$.subscribe(({ startedAt, connectedAt, closedAt }) => v.note(`${name} ${startedAt} ${String(connectedAt)} ${closedAt}`));
      }
      const never = v.stream({ wire: () => (flow$) => flow$ });
      v.at(500, () => never.close());
      never.closed$.subscribe(({ startedAt, connectedAt, closedAt }) => v.note(`never ${startedAt} ${String(connectedAt)} ${closedAt}`));
    });
    assert.equal(noted[0], '500 never 0 undefined 500');
    assert.deepEqual(
      noted
        .slice(1)
        .map((line) => line.split(' ').slice(1, 4).join(' '))
        .sort(),
      ['a 0 0', 'b 0 0'],
    );
  });

  it(
    'counts all bytes, with those that never left',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const other = h.watch(b);
      b.pause();
      a.write(pattern(500_000));
      await ticks(20);
      a.reset();
      const { bytesOut, unsent } = await closing(a);
      assert.equal(bytesOut + unsent, 500_000);
      b.resume();
      h.observed(b.data$);
      await other.closed.ended;
      assert.ok((other.closed.values as { bytesIn: number }[])[0]!.bytesIn >= bytesOut);
    }),
  );

  it(
    'tells after everything else has ended',
    invariants(async (h) => {
      const order: string[] = [];
      const [a, b] = joined(h);
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
      await closing(b);
      assert.deepEqual(order.at(-1), 'closed closed');
      assert.deepEqual([...order].sort(), ['closed closed', 'data complete', 'errors complete', 'events complete', 'output complete']);
    }),
  );

  it(
    'lets a subscriber dial again at once',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.end('hello'));
      const got: string[] = [];
      const dial = (left: number): void => {
        const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
        io.data$.subscribe((chunk) => got.push(String(chunk)));
        io.closed$.subscribe(() => {
          if (left > 1) dial(left - 1);
        });
      };
      dial(5);
      await h.until(() => got.length === 5);
      await ticks();
    }),
  );
});
