import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { CONNECTED, EOF, handshake, IN, IOStream, OUT, RESOLVED, SENT, type Plugin } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import { blackHole } from '../support/black-hole.ts';
import { invariants, type Harness } from '../support/harness.ts';
import { allOf, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

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
  assert.ok('host' in place);
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
  it(
    'ETOWRITE comes once when nothing has left for so long, again only after some has; nothing is lost',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      let since = clock();
      const waits: number[] = [];
      const told = new EventLog(h, (_io, _mask, error) => {
        if (error) waits.push(since());
        since = clock();
      });
      const given = pattern(16_000_000);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 150 }, outBuf: given, cb: told.cb }));
      await told.saw('ETOWRITE');
      h.error(told.errors[0], { code: 'ETOWRITE', phase: 'write', fatal: false });
      assert.equal(io.state, 'open');
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
      await told.saw('ETOWRITE', 2);
      far.resume();
      await told.saw('SENT');
      io.end();
      await once(far, 'end');
      h.sameBytes(received, given);
      assert.equal(told.count('ETOWRITE'), 2);
      assert.ok(
        waits.every((ms) => ms >= 140),
        `waited ${waits.join(', ')} ms`,
      );
    }),
  );

  it(
    'starts again when it is assigned; nothing is timed while nothing waits',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | SENT, timeouts: { write: 30 }, outBuf: 'x', cb: told.cb }));
      await told.saw('SENT');
      io.timeouts = { write: 0 };
      assert.equal(io.timeouts.write, Infinity);
      io.write(pattern(8_000_000));
      far.write('?');
      await told.saw('IN');
      assert.deepEqual(told.story, ['SENT', 'IN']);
      io.timeouts = { write: 30 };
      await told.saw('ETOWRITE');
    }),
  );
});

describe('timeouts.write', () => {
  it(
    'ETOWRITE comes also against a peer that reads 16 bytes every 100 ms: its window does not open',
    invariants(async (h) => {
      const { near, read } = await slowReader(h);
      const told = new EventLog(h, (io, mask) => {
        if (mask & OUT) io.outBuf = pattern(2_048_000);
      });
      kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, timeouts: { write: 400 }, outBuf: pattern(2_048_000), cb: told.cb }));
      await told.saw('ETOWRITE');
      assert.equal(told.gist, 'OUT ETOWRITE');
      assert.ok(read() > 0 && read() < 10_000, `read ${read()}`);
    }),
  );
});

describe('timeouts.connect', () => {
  it(
    'ETOCONNECT comes against a peer that never answers: after RESOLVED, and never CONNECTED',
    invariants(async (h) => {
      const hole = await blackHole(h);
      const ms = clock();
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { connect: 200 }, outBuf: 'x', cb: told.cb }));
      await told.saw('ETOCONNECT');
      assert.ok(ms() >= 190 && ms() < 5000, `${ms()} ms`); // its default is 30 s
      assert.deepEqual(told.story, ['RESOLVED', 'ETOCONNECT']);
      h.error(told.errors[0], { code: 'ETOCONNECT', phase: 'connect', fatal: true });
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'error');
      assert.equal(report.unsent, 1);
      assert.equal(io.write('late'), false);
    }),
  );

  it(
    'is cut short by what is left of `establish`, with the same code',
    invariants(async (h) => {
      const hole = await blackHole(h);
      const told = new EventLog(h);
      kept(h, new IOStream({ ...hole, waitFor: ALL, timeouts: { establish: 100 }, cb: told.cb }));
      await told.saw('ETOCONNECT');
      assert.deepEqual(told.story, ['RESOLVED', 'ETOCONNECT']);
    }),
  );
});

describe('timeouts.resolve', () => {
  it.each(['resolve', 'establish'])('EDNS comes when %s is over; a late answer is ignored', (timeout) =>
    invariants(async (h) => {
      const place = { host: 'name.test', port: 9 };
      let answer: (() => void) | undefined;
      const told = new EventLog(h);
      const io = kept(
        h,
        new IOStream({
          ...place,
          waitFor: ALL,
          timeouts: { [timeout]: 50 },
          lookup: (_host, _options, callback) => (answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }])),
          cb: told.cb,
        }),
      );
      await told.saw('EDNS');
      h.error(told.errors[0], { code: 'EDNS', phase: 'resolve', fatal: true });
      answer?.();
      await firstValueFrom(io.closed$);
      assert.deepEqual(told.story, ['EDNS']);
      assert.equal(io.ip, undefined);
    })(),
  );
});

describe('timeouts.handshake', () => {
  const patient: Plugin = handshake({
    *talk(link) {
      yield* link.read(5);
    },
  });

  it.each(['handshake', 'establish'])('ETOHANDSHAKE comes when %s is over, in all: not for each byte', (timeout) =>
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const drip = setInterval(() => far.write('x'), 40);
      h.defer(() => clearInterval(drip));
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: ALL, timeouts: { [timeout]: 100 }, plugin: { patient }, cb: told.cb }));
      await told.saw('ETOHANDSHAKE');
      h.error(told.errors[0], { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'patient', fatal: true });
      assert.deepEqual(told.story, ['ETOHANDSHAKE']);
    })(),
  );
});

describe('timeouts.idle', () => {
  it(
    'ETOIDLE comes when nothing is read and nothing written, and leaves the stream open; off by default',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | SENT, cb: told.cb }));
      assert.equal(io.timeouts.idle, Infinity);
      io.timeouts = { idle: 60 };
      await told.saw('ETOIDLE');
      h.error(told.errors[0], { code: 'ETOIDLE', fatal: false });
      far.write('back');
      await told.saw('IN');
      await told.saw('ETOIDLE', 2);
      io.end('bye');
      assert.equal((await allOf(far)).toString(), 'bye');
    }),
  );
});
