import { IOStream, mux } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { published } from '../support/diagnosed.ts';
import { spec } from '../support/spec.ts';
import { closedReport, streamPair } from '../stream/tools.ts';

describe('the diagnostics of a mux', () => {
  spec('contain each stream at both ends, from its opening to its end', async (h) => {
    const all = published(h, 'mux:open', 'mux:closed', 'connection:dial');
    const [a, b] = streamPair(h);
    const near = mux(a, { role: 'client' });
    const far = mux(b, { role: 'server' }, (io) => io.send(io));
    const io = new IOStream({ wire: near.wire() });
    io.end('hello');
    await closedReport(io);
    await h.until(() => far.size === 0);
    const ofMux = all.filter(({ name }) => name !== 'connection:dial');
    expect(ofMux.map(({ name, message }) => ({ name, ...message }))).toEqual(
      expect.arrayContaining([
        { name: 'mux:open', mux: near, streamId: 1, role: 'client' },
        { name: 'mux:open', mux: far, streamId: 1, role: 'server' },
        { name: 'mux:closed', mux: near, streamId: 1 },
        { name: 'mux:closed', mux: far, streamId: 1 },
      ]),
    );
    expect(ofMux.length).toBe(4);
    const roles = all.flatMap(({ message }) => ('role' in message && 'target' in message ? [message.role] : []));
    expect(roles).toEqual(['client', 'client', 'client', 'server']);
    near.close();
  });

  spec('contain the end of each stream when the connection fails', async (h) => {
    const all = published(h, 'mux:open', 'mux:closed');
    const [a, b] = streamPair(h);
    const near = mux(a, { role: 'client' });
    mux(b, { role: 'server' }, (io) => io.data$);
    const streams = [1, 2].map(() => new IOStream({ wire: near.wire() }));
    for (const io of streams) h.watch(io);
    h.watch(a);
    h.watch(b);
    await h.until(() => streams.every((io) => io.state === 'open'));
    a.reset();
    await Promise.all(streams.map(closedReport));
    const mine = all.filter(({ message }) => 'mux' in message && message.mux === near);
    expect(mine.map(({ name }) => name)).toEqual(['mux:open', 'mux:open', 'mux:closed', 'mux:closed']);
  });

  spec('contain the round trip of each ping', async (h) => {
    const all = published(h, 'mux:ping');
    const [a, b] = streamPair(h);
    const near = mux(a, { role: 'client', keepAlive: { interval: 20, timeout: 2000 } });
    mux(b, { role: 'server', keepAlive: false });
    await h.until(() => all.length >= 2);
    for (const { message } of all) {
      const { roundTrip, ...rest } = message as { roundTrip: number };
      expect(rest).toEqual({ mux: near });
      expect(roundTrip).toBeGreaterThanOrEqual(0);
      expect(roundTrip).toBeLessThan(2000);
    }
    near.close();
  });
});
