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

/** Milliseconds since a moment. */
function clock(): () => number {
  const start = performance.now();
  return () => performance.now() - start;
}

/** A peer that takes 16 bytes from the kernel every 100 ms. */
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
  spec('ETOWRITE comes once when nothing has left for so long, again only after some has; nothing is lost', async (h) => {
    const { near, far } = await pair(h, transport);
    let since = clock();
    const waits: number[] = [];
    const told = new EventLog(h, (_io, _mask, error) => {
      if (error) waits.push(since());
      since = clock();
    });
    const given = pattern(16_000_000);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 150 }, outBuf: given, cb: told.cb }));
    await told.waitFor('ETOWRITE');
    h.error(told.errors[0], { code: 'ETOWRITE', phase: 'write', fatal: false });
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
    await told.waitFor('ETOWRITE', 2);
    far.resume();
    await told.waitFor('SENT');
    io.end();
    await once(far, 'end');
    h.sameBytes(received, given);
    expect(told.count('ETOWRITE')).toBe(2);
    expect(
      waits.every((ms) => ms >= 140),
      `waited ${waits.join(', ')} ms`,
    ).toBe(true);
  });

  spec('starts again when it is assigned; nothing is timed while nothing waits', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT, timeouts: { write: 30 }, outBuf: 'x', cb: told.cb }));
    await told.waitFor('SENT');
    io.timeouts = { write: 0 };
    expect(io.timeouts.write).toBe(Infinity);
    io.write(pattern(8_000_000));
    far.write('?');
    await told.waitFor('IN');
    expect(told.events).toStrictEqual(['SENT', 'IN']);
    io.timeouts = { write: 30 };
    await told.waitFor('ETOWRITE');
  });
});

describe('timeouts.write', () => {
  spec('ETOWRITE comes also against a peer that reads 16 bytes every 100 ms: its window does not open', async (h) => {
    const { near, read } = await slowReader(h);
    const told = new EventLog(h, (io, mask) => {
      if (mask & OUT) io.outBuf = pattern(2_048_000);
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 400 }, outBuf: pattern(2_048_000), cb: told.cb }));
    await told.waitFor('ETOWRITE');
    expect(told.summary).toBe('OUT ETOWRITE');
    expect(read() > 0 && read() < 10_000, `read ${read()}`).toBe(true);
  });
});

describe('timeouts.connect', () => {
  spec('ETOCONNECT comes against a peer that never answers: after RESOLVED, and never CONNECTED', async (h) => {
    const hole = await blackHole(h);
    const ms = clock();
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { connect: 200 }, outBuf: 'x', cb: told.cb }));
    await told.waitFor('ETOCONNECT');
    expect(ms() >= 190 && ms() < 5000, `${ms()} ms`).toBe(true); // its default is 30 s
    expect(told.events).toStrictEqual(['RESOLVED', 'ETOCONNECT']);
    h.error(told.errors[0], { code: 'ETOCONNECT', phase: 'connect', fatal: true });
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(report.unsent).toBe(1);
    expect(io.write('late')).toBe(false);
  });

  spec('is cut short by what is left of `establish`, with the same code', async (h) => {
    const hole = await blackHole(h);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { establish: 100 }, cb: told.cb }));
    await told.waitFor('ETOCONNECT');
    expect(told.events).toStrictEqual(['RESOLVED', 'ETOCONNECT']);
  });
});

describe('timeouts.resolve', () => {
  spec.each(['resolve', 'establish'])('EDNS comes when %s is over; a late answer is ignored', async (h, timeout) => {
    const place = { host: 'name.test', port: 9 };
    let answer: (() => void) | undefined;
    const told = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({
        ...place,
        waitFor: ALL,
        timeouts: { [timeout]: 50 },
        lookup: (_host, _options, callback) => (answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }])),
        cb: told.cb,
      }),
    );
    await told.waitFor('EDNS');
    h.error(told.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
    answer?.();
    await firstValueFrom(io.closed$);
    expect(told.events).toStrictEqual(['EDNS']);
    expect(io.ip).toBe(undefined);
  });
});

describe('timeouts.handshake', () => {
  const patient: Plugin = handshake({
    *talk(link) {
      yield* link.read(5);
    },
  });

  spec.each(['handshake', 'establish'])('ETOHANDSHAKE comes when %s is over, in all: not for each byte', async (h, timeout) => {
    const { near, far } = await pair(h);
    const drip = setInterval(() => far.write('x'), 40);
    h.defer(() => clearInterval(drip));
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, timeouts: { [timeout]: 100 }, plugin: { patient }, cb: told.cb }));
    await told.waitFor('ETOHANDSHAKE');
    h.error(told.errors[0], { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'patient', fatal: true });
    expect(told.events).toStrictEqual(['ETOHANDSHAKE']);
  });
});

describe('timeouts.idle', () => {
  spec('ETOIDLE comes when nothing is read and nothing written, and leaves the stream open; off by default', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT, cb: told.cb }));
    expect(io.timeouts.idle).toBe(Infinity);
    io.timeouts = { idle: 60 };
    await told.waitFor('ETOIDLE');
    h.error(told.errors[0], { code: 'ETOIDLE', fatal: false });
    far.write('back');
    await told.waitFor('IN');
    await told.waitFor('ETOIDLE', 2);
    io.end('bye');
    expect((await allOf(far)).toString()).toBe('bye');
  });
});
