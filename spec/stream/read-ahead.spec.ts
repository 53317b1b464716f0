import { describe, expect } from 'vitest';
import { EOF } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, pattern, turns } from './tools.ts';

describe('reactive mode without a reader', () => {
  spec('reads ahead up to highWaterMark and stops', async (h) => {
    for (const highWaterMark of [1, 1000, 65_536]) {
      const [a, b] = streamPair(h, {}, { highWaterMark });
      for (let each = 0; each < 100; each += 1) a.write(pattern(5000, each + 1));
      await h.until(() => b.inBuf.length >= highWaterMark);
      await turns();
      expect(b.inBuf.length < highWaterMark + 65_536 + 5000, `${b.inBuf.length} bytes`).toBe(true);
      const before = b.inBuf.length;
      await turns();
      expect(b.inBuf.length).toBe(before);
      b.read();
      await h.until(() => b.inBuf.length >= highWaterMark);
    }
  });

  spec('slows a TCP peer down by its window', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    while (socket.write(pattern(65_536))) await turns(1);
    for (let each = 0; each < 200; each += 1) socket.write(pattern(65_536));
    await h.until(() => io.inBuf.length >= 65_536);
    await turns(50);
    expect(io.inBuf.length <= 2 * 65_536, `${io.inBuf.length} bytes`).toBe(true);
    expect(socket.writableLength > 4 * 2 ** 20, 'the peer is paused').toBe(true);
  });

  spec('reads no more than highWaterMark after its only reader unsubscribed', async (h) => {
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    a.write('x');
    await seen.value();
    seen.unsubscribe();
    for (let each = 0; each < 100; each += 1) a.write(pattern(10_000));
    await turns(50);
    expect(b.inBuf.length >= 65_536 && b.inBuf.length < 2 * 65_536 + 10_000, `${b.inBuf.length} bytes`).toBe(true);
  });

  spec('detects a FIN, ends too and closes', async (h) => {
    const { io, socket } = await connectedToPeer(h, {}, (socket) => socket.resume());
    socket.end('unread');
    const report = await closedReport(io);
    expect([report.by, report.bytesIn, io.isEof, String(io.inBuf)]).toStrictEqual(['peer', 6, true, 'unread']);
  });

  spec('reports a RST', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    const { errors } = h.watch(io);
    socket.resetAndDestroy();
    const report = await closedReport(io);
    h.error(errors.values[0], { code: 'ECONNRESET', phase: 'read' });
    expect(report.by).toBe('error');
  });

  spec('reads beyond highWaterMark in manual mode, where inBufLimit is the limit', async (h) => {
    const [a, b] = streamPair(h, {}, { waitFor: EOF, inBufLimit: 0 });
    a.end(pattern(500_000));
    await h.until(() => b.isEof);
    expect(b.inBuf.length).toBe(500_000);
  });
});
