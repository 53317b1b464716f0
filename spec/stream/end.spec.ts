import { once } from 'node:events';
import { describe, expect } from 'vitest';
import { ECLOSED, EOF, IN, SENT } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { recordedPair } from './recorded-pair.ts';
import { closedReport, connectedToPeer, pattern, ticks, turns } from './tools.ts';

const HALF = { allowHalfOpen: true };

describe('end', () => {
  spec('closes both sides after the client has ended first, and all bytes have arrived', async (h) => {
    const { a, b, fromA, fromB, reports } = recordedPair(h, HALF, HALF);
    a.end('request');
    await fromA.ended;
    expect([a.state, b.state, b.isEof, a.isEof]).toStrictEqual(['open', 'open', true, false]);
    b.write('late ');
    await ticks();
    b.end('answer');
    await fromB.ended;
    h.sameBytes(fromA.values, 'request');
    h.sameBytes(fromB.values, 'late answer');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['us', 'peer']);
  });

  spec('closes both sides after the peer has ended first', async (h) => {
    const { a, b, fromA, fromB, reports } = recordedPair(h, HALF, HALF);
    b.end('greeting');
    await fromB.ended;
    a.write('still ');
    await ticks();
    a.end('writing');
    await fromA.ended;
    h.sameBytes(fromA.values, 'still writing');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['peer', 'us']);
  });

  spec('closes both sides without an error when they end in the same tick', async (h) => {
    const { a, b, fromA, fromB, reports } = recordedPair(h, HALF, HALF);
    a.end('x');
    b.end('y');
    h.sameBytes((await fromA.ended).values, 'x');
    h.sameBytes((await fromB.ended).values, 'y');
    expect((await reports).map(({ error }) => error)).toStrictEqual([undefined, undefined]);
  });

  spec('receives the last bytes of a peer that closes after our end', async (h) => {
    const { a, b, fromA, fromB, reports } = recordedPair(h, HALF, HALF);
    a.end('x');
    await fromA.ended;
    b.write('bye');
    b.close();
    h.sameBytes((await fromB.ended).values, 'bye');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['us', 'us']);
  });

  spec('receives all bytes before a reset of the peer after our end, then the error', async (h) => {
    const { a, b, fromA, fromB } = recordedPair(h, HALF, HALF);
    h.watch(a);
    a.end('x');
    await fromA.ended;
    b.write('cut');
    await ticks();
    b.reset();
    h.error((await fromB.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(fromB.values, 'cut');
    expect((await closedReport(a)).by).toBe('error');
  });

  spec('completes both sides without an error when a close follows', async (h) => {
    const { a, fromA, fromB, reports } = recordedPair(h);
    a.end('x');
    await fromA.ended;
    a.close();
    expect((await fromB.ended).state).toBe('complete');
    expect((await reports).map(({ by, error }) => [by, error])).toStrictEqual([
      ['us', undefined],
      ['peer', undefined],
    ]);
  });

  spec('receives 257 lines and a late answer after our end, over TCP', async (h) => {
    const { io, socket } = await connectedToPeer(h, HALF, (socket) => socket.resume());
    const lines = Array.from({ length: 257 }, (_, each) => `line ${each}\n`);
    const seen = h.observed(io.data$);
    const { events } = h.watch(io);
    io.end('request');
    await once(socket, 'end');
    for (const line of lines) {
      socket.write(line);
      await turns(1);
    }
    socket.end('late answer');
    h.sameBytes((await seen.ended).values, [...lines, 'late answer']);
    expect((await closedReport(io)).by).toBe('us');
    const masks = events.values.map(({ mask }) => mask);
    expect(masks.indexOf(IN)).toBeGreaterThan(masks.findIndex((mask) => (mask & SENT) !== 0));
    expect(masks.filter((mask) => mask & EOF).length).toBe(1);
  });

  spec('sends bytes that are written after the EOF of the peer, over TCP', async (h) => {
    const received: Buffer[] = [];
    const { io, socket } = await connectedToPeer(h, HALF, (socket) => socket.on('data', (chunk) => received.push(chunk)));
    socket.end();
    await h.until(() => io.isEof);
    io.write(pattern(300_000));
    io.end('end');
    await once(socket, 'end');
    h.sameBytes(received, [pattern(300_000), 'end']);
    await closedReport(io);
  });

  spec('reports ECLOSED for a second end and for a write after the end, neither of which closes the stream', async (h) => {
    const { a, b, fromA } = recordedPair(h, HALF, HALF);
    const { errors } = h.watch(a);
    a.end('x');
    expect(a.write('lost')).toBe(false);
    await ticks();
    h.error(errors.values[0], { code: ECLOSED, phase: 'write', fatal: false });
    a.end();
    await ticks();
    a.end('lost too');
    await ticks();
    expect(errors.values.length).toBe(3);
    expect(a.state).toBe('open');
    h.sameBytes((await fromA.ended).values, 'x');
    b.end();
    await closedReport(a);
  });

  spec('reports one ECLOSED for all rejected writes of a tick, after the call has returned', async (h) => {
    const { a } = recordedPair(h, HALF, HALF);
    const { errors } = h.watch(a);
    a.end();
    for (let each = 0; each < 100; each += 1) a.write('x');
    expect(errors.values.length).toBe(0);
    await ticks();
    expect(errors.values.length).toBe(1);
  });

  spec('waits for the connection when called while the stream is opening', async (h) => {
    const { a, fromA, reports } = recordedPair(h);
    a.write('1');
    a.end('2');
    expect(a.state).toBe('opening');
    h.sameBytes((await fromA.ended).values, '12');
    await reports;
  });

  spec('waits until all queued bytes are sent', async (h) => {
    const { a, b, fromA, reports } = recordedPair(h);
    b.pause();
    for (let each = 0; each < 100; each += 1) a.write(pattern(10_000, each + 1));
    a.end();
    await turns();
    expect(fromA.state).toBe('open');
    b.resume();
    expect(Buffer.concat((await fromA.ended).values).length).toBe(1_000_000);
    await reports;
  });
});
