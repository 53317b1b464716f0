import { networkInterfaces } from 'node:os';
import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, pair, pattern, socketPath, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

describe('a connection attempt', () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

  spec.each(['127.0.0.1', 'localhost', ...(hasIPv6 ? ['::1'] : [])])(
    'reports RESOLVED, then ECONNREFUSED, and never CONNECTED for a closed port of %s',
    async (h, host) => {
      const log = new EventLog(h);
      const io = watchedStream(h, new IOStream({ host, port: await deadPort(), waitFor: ALL, outBuf: 'x', cb: log.cb }));
      await log.waitFor('ECONNREFUSED');
      const report = await firstValueFrom(io.closed$);
      expect(log.events).toStrictEqual(['RESOLVED', 'ECONNREFUSED']);
      h.error(log.errors[0], { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
      expect(log.errors[0]?.syscall).toBe('connect');
      expect(report.by).toBe('error');
      expect(report.error).toBe(log.errors[0]);
      expect(report.unsent).toBe(1);
    },
  );

  spec('reports ENOENT for a path that does not exist', async (h) => {
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ path: socketPath(h), waitFor: ALL, cb: log.cb }));
    await log.waitFor('ENOENT');
    h.error(log.errors[0], { code: 'ENOENT', phase: 'connect', fatal: true });
    expect(log.events).toStrictEqual(['ENOENT']);
  });

  spec('reports EDNS with its cause, and nothing else, for a name that does not exist', async (h) => {
    const log = new EventLog(h);
    // A label has at most 63 letters: no server is asked for this name.
    const io = watchedStream(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: log.cb }));
    await log.waitFor('EDNS');
    await firstValueFrom(io.closed$);
    h.error(log.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
    const [{ errno, cause } = {}] = log.errors;
    expect(errno).toBe(-10200);
    expect((cause as NodeJS.ErrnoException).code).toBe('ENOTFOUND');
    expect(log.events).toStrictEqual(['EDNS']);
  });

  spec('reports EDNS for a name without an address', async (h) => {
    const log = new EventLog(h);
    watchedStream(
      h,
      new IOStream({ host: 'nodata.test', port: 80, waitFor: ALL, lookup: (_host, _options, done) => done(null, []), cb: log.cb }),
    );
    await log.waitFor('EDNS');
    expect(log.events).toStrictEqual(['EDNS']);
  });

  spec('reports nothing for a name that does not exist if the stream is closed before the answer', async (h) => {
    let answer: (() => void) | undefined;
    const log = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({
        host: 'late.test',
        port: 80,
        waitFor: ALL,
        lookup: (_host, _options, done) => (answer = () => done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])),
        cb: log.cb,
      }),
    );
    io.close();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    answer?.();
    const real = watchedStream(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: log.cb }));
    real.close();
    expect((await firstValueFrom(real.closed$)).by).toBe('us');
    expect(log.events).toStrictEqual([]);
  });
});

describe('a peer that resets', () => {
  spec('causes ECONNRESET after the bytes read before it, and no EOF', async (h) => {
    const { near, far } = await pair(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: log.cb }));
    far.write('last words');
    await log.waitFor('IN');
    far.resetAndDestroy();
    await log.waitFor('ECONNRESET');
    const report = await firstValueFrom(io.closed$);
    expect(log.events).toStrictEqual(['IN', 'ECONNRESET']);
    h.error(log.errors[0], { code: 'ECONNRESET', phase: 'read', fatal: true });
    expect(io.inBuf.toString()).toBe('last words');
    expect(report.by).toBe('error');
    expect(report.bytesIn).toBe(10);
  });

  spec('causes one ECONNRESET or EPIPE while we write; the report counts the unsent bytes', async (h) => {
    const { near, far } = await pair(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: pattern(16_000_000), cb: log.cb }));
    await log.waitFor('OUT');
    far.resetAndDestroy();
    const report = await firstValueFrom(io.closed$);
    expect(log.summary).toMatch(/^OUT (ECONNRESET|EPIPE)$/);
    expect(log.errors.length).toBe(1);
    expect(report.unsent).toBeGreaterThan(0);
    expect(report.unsent + report.bytesOut).toBe(16_000_000);
    expect(io.write('more')).toBe(false);
  });
});

describe.each(TRANSPORTS)('a peer that has closed, over %s', (transport) => {
  spec('causes EOF, then one EPIPE or ECONNRESET for our writes; later writes return false', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: log.cb }));
    far.destroy();
    await log.waitFor('EOF');
    while (io.state === 'open') {
      io.write('still there?');
      await new Promise(setImmediate);
    }
    expect(io.write('no')).toBe(false);
    const report = await firstValueFrom(io.closed$);
    expect(log.events.join(' ')).toMatch(/^EOF (EPIPE|ECONNRESET)$/);
    h.error(log.errors[0], { fatal: true });
    expect(report.error).toBe(log.errors[0]);
  });
});
