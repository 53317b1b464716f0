import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { deadPort, pair, pattern, socketPath, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

describe('connecting', () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

  it.each(['127.0.0.1', 'localhost', ...(hasIPv6 ? ['::1'] : [])])('refused by %s: RESOLVED, then ECONNREFUSED, never CONNECTED', (host) =>
    invariants(async (h) => {
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ host, port: await deadPort(), waitFor: ALL, outBuf: 'x', cb: told.cb }));
      await told.saw('ECONNREFUSED');
      const report = await firstValueFrom(io.closed$);
      assert.deepEqual(told.story, ['RESOLVED', 'ECONNREFUSED']);
      h.error(told.errors[0], { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
      assert.equal(told.errors[0]?.syscall, 'connect');
      assert.equal(report.by, 'error');
      assert.equal(report.error, told.errors[0]);
      assert.equal(report.unsent, 1);
    })(),
  );

  it(
    'to a path that is not there: ENOENT',
    invariants(async (h) => {
      const told = new EventLog(h);
      kept(h, new IOStream({ path: socketPath(h), waitFor: ALL, cb: told.cb }));
      await told.saw('ENOENT');
      h.error(told.errors[0], { code: 'ENOENT', phase: 'connect', fatal: true });
      assert.deepEqual(told.story, ['ENOENT']);
    }),
  );

  it(
    'to a name that does not exist: EDNS, with the reason, and nothing else',
    invariants(async (h) => {
      const told = new EventLog(h);
      // A label of 64 letters is longer than a name may have: no server is asked.
      const io = kept(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: told.cb }));
      await told.saw('EDNS');
      await firstValueFrom(io.closed$);
      h.error(told.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
      const [{ errno, cause } = {}] = told.errors;
      assert.equal(errno, -10200);
      assert.equal((cause as NodeJS.ErrnoException).code, 'ENOTFOUND');
      assert.deepEqual(told.story, ['EDNS']);
    }),
  );

  it(
    'to a name without an address: EDNS',
    invariants(async (h) => {
      const told = new EventLog(h);
      kept(
        h,
        new IOStream({ host: 'nodata.test', port: 80, waitFor: ALL, lookup: (_host, _options, done) => done(null, []), cb: told.cb }),
      );
      await told.saw('EDNS');
      assert.deepEqual(told.story, ['EDNS']);
    }),
  );

  it(
    'to a name that does not exist, closed before the answer comes: nothing is told',
    invariants(async (h) => {
      let answer: (() => void) | undefined;
      const told = new EventLog(h);
      const io = kept(
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
      assert.equal((await firstValueFrom(io.closed$)).by, 'us');
      answer?.();
      const real = kept(h, new IOStream({ host: `${'x'.repeat(64)}.test`, port: 80, waitFor: ALL, cb: told.cb }));
      real.close();
      assert.equal((await firstValueFrom(real.closed$)).by, 'us');
      assert.deepEqual(told.story, []);
    }),
  );
});

describe('a peer that resets', () => {
  it(
    'while we read: what was read before is told, then ECONNRESET, and no EOF',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
      far.write('last words');
      await told.saw('IN');
      far.resetAndDestroy();
      await told.saw('ECONNRESET');
      const report = await firstValueFrom(io.closed$);
      assert.deepEqual(told.story, ['IN', 'ECONNRESET']);
      h.error(told.errors[0], { code: 'ECONNRESET', phase: 'read', fatal: true });
      assert.equal(io.inBuf.toString(), 'last words');
      assert.equal(report.by, 'error');
      assert.equal(report.bytesIn, 10);
    }),
  );

  it(
    'while we write: ECONNRESET or EPIPE, once, and how much had not left is in the report',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: pattern(16_000_000), cb: told.cb }));
      await told.saw('OUT');
      far.resetAndDestroy();
      const report = await firstValueFrom(io.closed$);
      assert.match(told.gist, /^OUT (ECONNRESET|EPIPE)$/);
      assert.equal(told.errors.length, 1);
      assert.ok(report.unsent > 0);
      assert.equal(report.unsent + report.bytesOut, 16_000_000);
      assert.equal(io.write('more'), false);
    }),
  );
});

describe.each(TRANSPORTS)('a peer that is gone, over %s', (transport) => {
  it(
    'EOF, then our writes fail with EPIPE or ECONNRESET, once; later ones answer false',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
      far.destroy();
      await told.saw('EOF');
      while (io.state === 'open') {
        io.write('anybody there?');
        await new Promise(setImmediate);
      }
      assert.equal(io.write('no'), false);
      const report = await firstValueFrom(io.closed$);
      assert.match(told.story.join(' '), /^EOF (EPIPE|ECONNRESET)$/);
      h.error(told.errors[0], { fatal: true });
      assert.equal(report.error, told.errors[0]);
    }),
  );
});
