import assert from 'node:assert/strict';
import { once } from 'node:events';
import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { allOf, deadPort, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

describe.each(TRANSPORTS)('close() over %s', (transport) => {
  it(
    'ends the stream: what was queued leaves, nothing more is told, the handle is freed',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
      io.write('good');
      io.write('bye');
      io.close();
      assert.equal(io.state, 'closing');
      far.write('too late');
      assert.equal((await allOf(far)).toString(), 'goodbye');
      far.end();
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'us');
      assert.equal(report.bytesOut, 7);
      assert.equal(report.unsent, 0);
      assert.equal(io.state, 'closed');
      assert.equal(near.destroyed, true);
      assert.deepEqual(told.story, []);
    }),
  );

  it(
    'twice is the same as once',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'once', cb: told.cb }));
      io.close();
      io.close();
      assert.equal((await allOf(far)).toString(), 'once');
      far.end();
      await firstValueFrom(io.closed$);
      io.close();
      assert.equal(io.state, 'closed');
      assert.deepEqual(told.story, []);
    }),
  );

  it(
    'in the tick of `new`: nothing is told, and `outBuf` of an fh leaves',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'hello and goodbye', cb: told.cb })).close();
      assert.equal((await allOf(far)).toString(), 'hello and goodbye');
      assert.deepEqual(told.story, []);
    }),
  );

  it(
    'before the connection is there gives it up',
    invariants(async (h) => {
      const place = await served(h, () => {}, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'never', cb: told.cb }));
      io.close();
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'us');
      assert.equal(report.unsent, 5);
      assert.equal(report.connectedAt, undefined);
      assert.deepEqual(told.story, []);
    }),
  );

  it.each(['CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'])('from inside %s: it is the last that is told, and what was queued leaves', (event) =>
    invariants(async (h) => {
      let received: Promise<Buffer> | undefined;
      const place = await served(
        h,
        (socket) => {
          received = allOf(socket);
          socket.write('hello');
          socket.once('data', () => socket.end('bye'));
        },
        transport,
      );
      const told = new EventLog(h, (io) => {
        if (!told.story.at(-1)?.split('|').includes(event)) return;
        io.write('!');
        io.close();
      });
      const io = kept(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'question', cb: told.cb }));
      await told.saw(event);
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'us');
      assert.equal(report.unsent, 0);
      assert.equal(told.story.at(-1)?.split('|').includes(event), true);
      assert.equal((await received)?.toString(), 'question!');
    })(),
  );

  it(
    'from inside an error that is not fatal',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h, (io) => io.close());
      const io = kept(h, new IOStream({ fh: near, waitFor: 0, cb: told.cb }));
      far.write('1');
      far.write('2');
      await told.saw('EREQINEOF');
      far.end('3');
      assert.equal((await firstValueFrom(io.closed$)).by, 'us');
      assert.deepEqual(told.story, ['EREQINEOF']);
    }),
  );

  it(
    'with unread input: the peer gets everything that was written',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT }));
      io.pause();
      far.write(Buffer.alloc(1_000_000, 'i'));
      const given = pattern(4_000_000);
      io.write(given);
      io.close();
      const received = await allOf(far);
      h.sameBytes(received, given);
      far.end();
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.unsent, 0);
      assert.equal(report.error, undefined);
    }),
  );

  it(
    'with unread input and on SENT, as the manual says: the peer gets everything',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const given = Buffer.alloc(4_000_000, 'o');
      const told = new EventLog(h, (io, mask) => {
        if (mask & SENT) io.close();
      });
      far.write(Buffer.alloc(1_000_000, 'i'));
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 10, outBuf: given, cb: told.cb }));
      const received = allOf(far);
      h.sameBytes(await received, given);
      far.end();
      assert.equal((await firstValueFrom(io.closed$)).by, 'us');
    }),
  );

  it(
    'a peer that does not end is waited for no longer than `timeouts.close`',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, timeouts: { close: 50 }, outBuf: 'x' }));
      io.close();
      assert.equal((await allOf(far)).toString(), 'x');
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'us');
      assert.equal(report.unsent, 0);
    }),
  );

  it(
    'after a fatal error does nothing',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h, (io) => io.close());
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
      near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }));
      await told.saw('ECONNRESET');
      io.close();
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'error');
      assert.deepEqual(told.story, ['ECONNRESET']);
      far.destroy();
    }),
  );
});

describe('close() while connecting', () => {
  it(
    'from inside RESOLVED: no connection is told of',
    invariants(async (h) => {
      const place = await served(h);
      const told = new EventLog(h, (io) => io.close());
      const io = kept(h, new IOStream({ ...place, waitFor: ALL, cb: told.cb }));
      assert.equal((await firstValueFrom(io.closed$)).by, 'us');
      assert.deepEqual(told.story, ['RESOLVED']);
    }),
  );

  it(
    'from inside the error that ended it',
    invariants(async (h) => {
      const told = new EventLog(h, (io, _mask, error) => {
        if (error) io.close();
      });
      const io = kept(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor: ALL, cb: told.cb }));
      const report = await firstValueFrom(io.closed$);
      assert.equal(report.by, 'error');
      assert.deepEqual(told.story, ['RESOLVED', 'ECONNREFUSED']);
    }),
  );

  it(
    'both directions ended close by themselves: by the peer, if it ended first',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const told = new EventLog(h, (io, mask) => {
        if (mask & EOF) io.end('done');
      });
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: told.cb }));
      far.end();
      await once(far.resume(), 'end');
      assert.equal((await firstValueFrom(io.closed$)).by, 'peer');
    }),
  );
});
