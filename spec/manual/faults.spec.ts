import { networkInterfaces } from 'node:os';
import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, pair, pattern, socketPath, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

describe('connecting', () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

  spec.each(['127.0.0.1', 'localhost', ...(hasIPv6 ? ['::1'] : [])])(
    'refused by %s: RESOLVED, then ECONNREFUSED, never CONNECTED',
    async (h, host) => {
      const told = new EventLog(h);
      const io = watchedStream(h, new IOStream({ host, port: await deadPort(), waitFor: ALL, outBuf: 'x', cb: told.cb }));
      await told.waitFor('ECONNREFUSED');
      const report = await firstValueFrom(io.closed$);
      expect(told.events).toStrictEqual(['RESOLVED', 'ECONNREFUSED']);
      h.error(told.errors[0], { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
      expect(told.errors[0]?.syscall).toBe('connect');
      expect(report.by).toBe('error');
      expect(report.error).toBe(told.errors[0]);
      expect(report.unsent).toBe(1);
    },
  );

  spec('to a path that is not there: ENOENT', async (h) => {
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ path: socketPath(h), waitFor: ALL, cb: told.cb }));
    await told.waitFor('ENOENT');
    h.error(told.errors[0], { code: 'ENOENT', phase: 'connect', fatal: true });
    expect(told.events).toStrictEqual(['ENOENT']);
  });

  spec('to a name that does not exist: EDNS, with the reason, and nothing else', async (h) => {
    const told = new EventLog(h);
    // A label of 64 letters is longer than a name may have: no server is asked.
    const io = watchedStream(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: told.cb }));
    await told.waitFor('EDNS');
    await firstValueFrom(io.closed$);
    h.error(told.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
    const [{ errno, cause } = {}] = told.errors;
    expect(errno).toBe(-10200);
    expect((cause as NodeJS.ErrnoException).code).toBe('ENOTFOUND');
    expect(told.events).toStrictEqual(['EDNS']);
  });

  spec('to a name without an address: EDNS', async (h) => {
    const told = new EventLog(h);
    watchedStream(
      h,
      new IOStream({ host: 'nodata.test', port: 80, waitFor: ALL, lookup: (_host, _options, done) => done(null, []), cb: told.cb }),
    );
    await told.waitFor('EDNS');
    expect(told.events).toStrictEqual(['EDNS']);
  });

  spec('to a name that does not exist, closed before the answer comes: nothing is told', async (h) => {
    let answer: (() => void) | undefined;
    const told = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({
        host: 'late.test',
        port: 80,
        waitFor: ALL,
        lookup: (_host, _options, done) => (answer = () => done(Object.assign(new Error('gone'), { code: 'ENOTFOUND' }), [])),
        cb: told.cb,
      }),
    );
    io.close();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    answer?.();
    const real = watchedStream(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: told.cb }));
    real.close();
    expect((await firstValueFrom(real.closed$)).by).toBe('us');
    expect(told.events).toStrictEqual([]);
  });
});

describe('a peer that resets', () => {
  spec('while we read: what was read before is told, then ECONNRESET, and no EOF', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
    far.write('last words');
    await told.waitFor('IN');
    far.resetAndDestroy();
    await told.waitFor('ECONNRESET');
    const report = await firstValueFrom(io.closed$);
    expect(told.events).toStrictEqual(['IN', 'ECONNRESET']);
    h.error(told.errors[0], { code: 'ECONNRESET', phase: 'read', fatal: true });
    expect(io.inBuf.toString()).toBe('last words');
    expect(report.by).toBe('error');
    expect(report.bytesIn).toBe(10);
  });

  spec('while we write: ECONNRESET or EPIPE, once, and how much had not left is in the report', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: pattern(16_000_000), cb: told.cb }));
    await told.waitFor('OUT');
    far.resetAndDestroy();
    const report = await firstValueFrom(io.closed$);
    expect(told.summary).toMatch(/^OUT (ECONNRESET|EPIPE)$/);
    expect(told.errors.length).toBe(1);
    expect(report.unsent).toBeGreaterThan(0);
    expect(report.unsent + report.bytesOut).toBe(16_000_000);
    expect(io.write('more')).toBe(false);
  });
});

describe.each(TRANSPORTS)('a peer that is gone, over %s', (transport) => {
  spec('EOF, then our writes fail with EPIPE or ECONNRESET, once; later ones answer false', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
    far.destroy();
    await told.waitFor('EOF');
    while (io.state === 'open') {
      io.write('anybody there?');
      await new Promise(setImmediate);
    }
    expect(io.write('no')).toBe(false);
    const report = await firstValueFrom(io.closed$);
    expect(told.events.join(' ')).toMatch(/^EOF (EPIPE|ECONNRESET)$/);
    h.error(told.errors[0], { fatal: true });
    expect(report.error).toBe(told.errors[0]);
  });
});
