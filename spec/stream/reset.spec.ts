import { once } from 'node:events';
import { NEVER } from 'rxjs';
import { describe, expect } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { recordedPair } from './recorded-pair.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, serve, ticks } from './tools.ts';

describe('reset', () => {
  spec('drops the unsent bytes, reports how many, and the peer receives ECONNRESET', async (h) => {
    const [a, b] = streamPair(h);
    const { errors, events } = h.watch(a);
    const other = h.watch(b);
    await ticks();
    b.pause();
    a.write(pattern(300_000));
    await ticks();
    a.reset();
    expect(a.state).toBe('closed');
    const report = await closedReport(a);
    expect([report.by, report.error, report.unsent + report.bytesOut]).toStrictEqual(['us', undefined, 300_000]);
    expect([errors.values, events.state]).toStrictEqual([[], 'complete']);
    expect(a.write('x')).toBe(false);
    b.resume();
    h.observed(b.data$);
    expect((await closedReport(b)).by).toBe('error');
    h.error(other.errors.values[0], { code: 'ECONNRESET' });
  });

  spec('sends a RST at once over TCP', async (h) => {
    const { io, socket } = await connectedToPeer(h, {}, (socket) => socket.resume());
    const failed = once(socket, 'error');
    io.reset();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect((await closedReport(io)).by).toBe('us');
  });

  spec('frees a connection that is opening or closing', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    io.reset();
    expect((await closedReport(io)).by).toBe('us');
    const { io: other } = await connectedToPeer(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
    other.close();
    await ticks();
    expect(other.state).toBe('closing');
    other.reset();
    expect(other.state).toBe('closed');
    await closedReport(other);
  });

  spec.each(['reset()', 'timeouts.close'])(
    'fails the peer with ECONNRESET, not EOF, when %s ends a close over TCP with unsent bytes',
    async (h, by) => {
      let peer: IOStream | undefined;
      const { at } = await serving(h, (accepted: IOStream) => {
        (peer = accepted).pause();
        return NEVER;
      });
      const [io] = resetAtEnd(h, new IOStream({ ...at, timeouts: { close: by === 'reset()' ? 60_000 : 50 } }));
      await h.until(() => peer !== undefined);
      const data = h.observed(peer!.data$);
      io.write(pattern(32 * 2 ** 20));
      io.close();
      await ticks();
      if (by === 'reset()') io.reset();
      expect((await closedReport(io)).unsent).toBeGreaterThan(0);
      peer!.resume();
      await data.ended;
      h.error(data.error, { code: 'ECONNRESET' });
    },
  );

  spec('completes `data$` as `close` does', async (h) => {
    const { a, fromB } = recordedPair(h);
    await ticks();
    a.reset();
    expect((await fromB.ended).state).toBe('complete');
  });
});
