import { once } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect } from 'vitest';
import { EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { recordedPair } from './recorded-pair.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, serve, ticks, turns } from './tools.ts';

describe('close', () => {
  spec('sends the queued bytes, then a FIN; a later write returns false and reports nothing', async (h) => {
    const { a, fromA, reports } = recordedPair(h);
    const { errors, events } = h.watch(a);
    await ticks();
    a.write(pattern(500_000));
    a.close();
    expect(a.state).toBe('closing');
    expect(a.write('lost')).toBe(false);
    a.end('lost');
    a.end();
    h.sameBytes((await fromA.ended).values, pattern(500_000));
    const [report] = await reports;
    expect([report.by, report.unsent, report.bytesOut, report.error]).toStrictEqual(['us', 0, 500_000, undefined]);
    expect(a.write('lost')).toBe(false);
    await ticks();
    expect([errors.values, events.state]).toStrictEqual([[], 'complete']);
  });

  spec('emits nothing after the call', async (h) => {
    const [a, b] = streamPair(h);
    const cb = h.cb();
    b.cb = cb;
    const { events, errors } = h.watch(b);
    const seen = h.observed(b.data$);
    await ticks();
    for (let each = 0; each < 50; each += 1) a.write('more');
    b.write('x');
    b.close();
    const before = [cb.calls.length, events.values.length, seen.values.length];
    expect([events.state, errors.state, seen.state]).toStrictEqual(['complete', 'complete', 'complete']);
    await closedReport(b);
    await turns();
    expect([cb.calls.length, events.values.length, seen.values.length]).toStrictEqual(before);
  });

  spec('emits nothing after a call from inside a callback of any event', async (h) => {
    for (const when of [OUT, SENT, IN, EOF]) {
      const [a, b] = streamPair(h, {}, { waitFor: IN | OUT | SENT | EOF });
      let closed = false;
      const cb = h.cb((io: IOStream, mask) => {
        expect(closed, 'nothing is emitted after the close').toBe(false);
        if (mask & when) {
          closed = true;
          io.close();
        }
      });
      b.cb = cb;
      b.write('hello');
      a.end('hello');
      await closedReport(b);
      await ticks();
      expect(closed).toBe(true);
      a.close();
      await closedReport(a);
    }
  });

  spec('frees the connection at once while it is opening, and counts the unsent bytes', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    const { events } = h.watch(io);
    io.write('never sent');
    io.close();
    const report = await closedReport(io);
    expect([report.by, report.unsent, report.bytesOut, report.connectedAt]).toStrictEqual(['us', 10, 0, undefined]);
    expect([events.values, io.state]).toStrictEqual([[], 'closed']);
  });

  spec('does nothing when called twice, after an error, or inside the report', async (h) => {
    const [a, b] = streamPair(h);
    const { closed } = h.watch(a);
    const other = h.watch(b);
    await ticks();
    a.close();
    a.close();
    a.closed$.subscribe(() => a.close());
    await closedReport(a);
    a.close();
    b.reset();
    b.close();
    a.reset();
    await ticks();
    expect([closed.values.length, other.closed.values.length]).toStrictEqual([1, 1]);
  });

  spec('sends all bytes and a FIN over TCP although input is unread, and no RST', async (h) => {
    const received: Buffer[] = [];
    const errors: Error[] = [];
    const { io, socket } = await connectedToPeer(h, {}, (socket) =>
      socket.on('data', (chunk) => received.push(chunk)).on('error', (error) => errors.push(error)),
    );
    for (let each = 0; each < 20; each += 1) socket.write(pattern(65_536));
    await h.until(() => io.inBuf.length >= 65_536);
    const sent = pattern(1_000_000);
    io.write(sent);
    io.close();
    await once(socket, 'end');
    socket.end();
    const report = await closedReport(io);
    h.sameBytes(received, sent);
    expect([errors, report.by, report.unsent, report.error]).toStrictEqual([[], 'us', 0, undefined]);
  });

  spec('waits over TCP at most `timeouts.close` for a peer that never ends', async (h) => {
    const { io, socket } = await connectedToPeer(h, { timeouts: { close: 30 } }, (socket) => socket.resume());
    io.write('x');
    io.close();
    await once(socket, 'end');
    const report = await closedReport(io);
    expect([report.by, report.unsent]).toStrictEqual(['us', 0]);
  });

  spec('completes over TCP as soon as the peer ends', async (h) => {
    const { io, socket } = await connectedToPeer(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
    io.close();
    await once(socket, 'end');
    socket.write(pattern(500_000));
    socket.end();
    expect((await closedReport(io)).by).toBe('us');
  });

  spec('counts in `unsent` the bytes that the peer never received', async (h) => {
    const { io } = await connectedToPeer(h, { timeouts: { close: 30 } }, (socket) => socket.pause());
    const all = 32 * 2 ** 20;
    io.write(Buffer.alloc(all));
    await h.until(() => io.output.pending < all);
    io.close();
    const report = await closedReport(io);
    expect(report.unsent > 0 && report.unsent < all, `${report.unsent} unsent`).toBe(true);
    expect(report.unsent + report.bytesOut).toBe(all);
  });

  spec('sends the bytes written to an `fh` in the same tick', async (h) => {
    const received: Buffer[] = [];
    const fh = new Writable({
      write(chunk: Buffer, _encoding, done) {
        received.push(chunk);
        done();
      },
    });
    const [io] = resetAtEnd(h, new IOStream({ fh }));
    io.write('all of ');
    io.write('it');
    io.close();
    await closedReport(io);
    h.sameBytes(received, 'all of it');
  });

  spec('reports `by: us` when the peer fails meanwhile, with the error', async (h) => {
    const [a, b] = streamPair(h, {}, { allowHalfOpen: true });
    const { errors } = h.watch(a);
    h.watch(b);
    await ticks();
    a.write('x');
    a.close();
    b.reset();
    const report = await closedReport(a);
    expect(report.by).toBe('us');
    h.error(report.error, { code: 'ECONNRESET' });
    expect(errors.values).toStrictEqual([]);
  });
});
