import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { CONNECTED, EOF, handshake, IN, IOStream, OUT, RESOLVED, SENT, type Plugin } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import { blackHole } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Starts a clock. The result returns the milliseconds since then. */
function clock(): () => number {
  const start = performance.now();
  return () => performance.now() - start;
}

/** A peer that reads 16 bytes from the kernel every 100 ms. */
async function slowReader(h: Harness): Promise<{ near: Socket; read: () => number }> {
  let accepted: Socket | undefined;
  const place = await served(h, (socket) => (accepted = socket));
  let read = 0;
  const onread = { buffer: Buffer.alloc(16), callback: (bytes: number) => (read += bytes) < 0 };
  expect('host' in place).toBe(true);
  const peer = connect({ ...place, onread }).on('error', () => {});
  const pace = setInterval(() => peer.resume(), 100);
  h.defer(() => {
    clearInterval(pace);
    peer.destroy();
  });
  await once(peer, 'connect');
  await h.until(() => accepted !== undefined, 'the connection');
  return { near: accepted as unknown as Socket, read: () => read };
}

describe.each(TRANSPORTS)('timeouts.write over %s', (transport) => {
  spec('reports ETOWRITE once without progress, and again only after progress, without loss', async (h) => {
    const { near, far } = await pair(h, transport);
    let since = clock();
    const waits: number[] = [];
    const log = new EventLog(h, (_io, _mask, error) => {
      if (error) waits.push(since());
      since = clock();
    });
    const payload = pattern(16_000_000);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 500 }, outBuf: payload, cb: log.cb }));
    await log.waitFor('ETOWRITE');
    h.error(log.errors[0], { code: 'ETOWRITE', phase: 'write', fatal: false });
    expect(io.state).toBe('open');
    const received: Buffer[] = [];
    let length = 0;
    const limits = [6_000_000, Infinity];
    far.on('data', (chunk: Buffer) => {
      received.push(chunk);
      length += chunk.length;
      if (length < (limits[0] ?? 0)) return;
      limits.shift();
      far.pause();
    });
    await log.waitFor('ETOWRITE', 2);
    far.resume();
    await log.waitFor('SENT');
    io.end();
    await once(far, 'end');
    h.sameBytes(received, payload);
    expect(log.count('ETOWRITE')).toBe(2);
    expect(
      waits.every((ms) => ms >= 490),
      `waited ${waits.join(', ')} ms`,
    ).toBe(true);
  });

  spec('restarts when it is assigned, and does not run while no bytes are unsent', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT, timeouts: { write: 30 }, outBuf: 'x', cb: log.cb }));
    await log.waitFor('SENT');
    io.timeouts = { write: 0 };
    expect(io.timeouts.write).toBe(Infinity);
    io.write(pattern(8_000_000));
    far.write('?');
    await log.waitFor('IN');
    expect(log.events).toStrictEqual(['SENT', 'IN']);
    io.timeouts = { write: 30 };
    await log.waitFor('ETOWRITE');
  });
});

describe('timeouts.write', () => {
  spec('reports ETOWRITE for a peer that reads 16 bytes every 100 ms, because its window stays closed', async (h) => {
    const { near, read } = await slowReader(h);
    const log = new EventLog(h, (io, mask) => {
      if (mask & OUT) io.outBuf = pattern(2_048_000);
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 400 }, outBuf: pattern(2_048_000), cb: log.cb }));
    await log.waitFor('ETOWRITE');
    expect(log.summary).toBe('OUT ETOWRITE');
    expect(read() > 0 && read() < 10_000, `read ${read()}`).toBe(true);
  });
});

describe('timeouts.connect', () => {
  spec('reports ETOCONNECT for a peer that never answers, after RESOLVED and without CONNECTED', async (h) => {
    const hole = await blackHole(h);
    const ms = clock();
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { connect: 200 }, outBuf: 'x', cb: log.cb }));
    await log.waitFor('ETOCONNECT');
    expect(ms() >= 190 && ms() < 5000, `${ms()} ms`).toBe(true); // its default is 30 s
    expect(log.events).toStrictEqual(['RESOLVED', 'ETOCONNECT']);
    h.error(log.errors[0], { code: 'ETOCONNECT', phase: 'connect', fatal: true });
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(report.unsent).toBe(1);
    expect(io.write('late')).toBe(false);
  });

  spec('is limited by the rest of `establish`, with the same code', async (h) => {
    const hole = await blackHole(h);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { establish: 100 }, cb: log.cb }));
    await log.waitFor('ETOCONNECT');
    expect(log.events).toStrictEqual(['RESOLVED', 'ETOCONNECT']);
  });
});

describe('timeouts.resolve', () => {
  spec.each(['resolve', 'establish'])('reports EDNS when %s expires, and ignores a late answer', async (h, timeout) => {
    const place = { host: 'name.test', port: 9 };
    let answer: (() => void) | undefined;
    const log = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({
        ...place,
        waitFor: ALL,
        timeouts: { [timeout]: 50 },
        lookup: (_host, _options, callback) => (answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }])),
        cb: log.cb,
      }),
    );
    await log.waitFor('EDNS');
    h.error(log.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
    answer?.();
    await firstValueFrom(io.closed$);
    expect(log.events).toStrictEqual(['EDNS']);
    expect(io.ip).toBe(undefined);
  });
});

describe('timeouts.handshake', () => {
  const patient: Plugin = handshake({
    *talk(link) {
      yield* link.read(5);
    },
  });

  spec.each(['handshake', 'establish'])(
    'reports ETOHANDSHAKE when %s expires; the bytes that arrive do not restart it',
    async (h, timeout) => {
      const { near, far } = await pair(h);
      const drip = setInterval(() => far.write('x'), 40);
      h.defer(() => clearInterval(drip));
      const log = new EventLog(h);
      watchedStream(h, new IOStream({ fh: near, waitFor: ALL, timeouts: { [timeout]: 100 }, plugin: { patient }, cb: log.cb }));
      await log.waitFor('ETOHANDSHAKE');
      h.error(log.errors[0], { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'patient', fatal: true });
      expect(log.events).toStrictEqual(['ETOHANDSHAKE']);
    },
  );
});

describe('timeouts.idle', () => {
  spec('is off by default; reports ETOIDLE without bytes in either direction, and leaves the stream open', async (h) => {
    const { near, far } = await pair(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT, cb: log.cb }));
    expect(io.timeouts.idle).toBe(Infinity);
    io.timeouts = { idle: 60 };
    await log.waitFor('ETOIDLE');
    h.error(log.errors[0], { code: 'ETOIDLE', fatal: false });
    far.write('back');
    await log.waitFor('IN');
    await log.waitFor('ETOIDLE', 2);
    io.end('bye');
    expect((await allOf(far)).toString()).toBe('bye');
  });
});
