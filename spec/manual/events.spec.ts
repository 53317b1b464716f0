import assert from 'node:assert/strict';
import { once } from 'node:events';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, passthrough, RESOLVED, SENT, transform, type Plugin } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Gives on whole blocks only: the rest waits inside for more, or for the end. */
function blocks(size: number): Plugin {
  return transform({
    down: () => {
      let inside = Buffer.alloc(0);
      return {
        push(bytes) {
          const all = Buffer.concat([inside, bytes]);
          const whole = all.length - (all.length % size);
          inside = all.subarray(whole);
          return whole > 0 ? [all.subarray(0, whole)] : [];
        },
        finish: () => (inside.length > 0 ? [inside] : []),
        held: () => inside.length,
      };
    },
  });
}

describe('RESOLVED', () => {
  it(
    'comes when the name is resolved, before CONNECTED, with `ip` set',
    invariants(async (h) => {
      const place = await served(h);
      const ips: (string | undefined)[] = [];
      const told = new EventLog(h, (io) => ips.push(io.ip));
      const io = kept(h, new IOStream({ ...place, host: 'localhost', family: 4, waitFor: RESOLVED | CONNECTED, cb: told.cb }));
      assert.equal(io.ip, undefined);
      await told.saw('CONNECTED');
      assert.deepEqual(told.story, ['RESOLVED', 'CONNECTED']);
      assert.deepEqual(ips, ['127.0.0.1', '127.0.0.1']);
    }),
  );

  it(
    'comes for an address too, when the tick of `new` is over',
    invariants(async (h) => {
      const place = await served(h);
      const told = new EventLog(h);
      kept(h, new IOStream({ ...place, waitFor: RESOLVED, cb: told.cb }));
      assert.deepEqual(told.story, []);
      await told.saw('RESOLVED');
    }),
  );

  it(
    'sets `ip` also when nobody waits for it',
    invariants(async (h) => {
      const place = await served(h);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...place, waitFor: CONNECTED, cb: told.cb }));
      await told.saw('CONNECTED');
      assert.equal(io.ip, '127.0.0.1');
    }),
  );

  it(
    'does not come for a path',
    invariants(async (h) => {
      const place = await served(h, () => {}, 'UNIX');
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...place, waitFor: ALL, cb: told.cb }));
      await told.saw('CONNECTED');
      assert.deepEqual(told.story, ['CONNECTED']);
      assert.equal(io.ip, undefined);
    }),
  );
});

describe.each(TRANSPORTS)('CONNECTED over %s', (transport) => {
  it(
    'comes once, before any other event of the connection',
    invariants(async (h) => {
      const place = await served(h, (socket) => socket.end('hello'), transport);
      const told = new EventLog(h);
      kept(h, new IOStream({ ...place, waitFor: ALL & ~RESOLVED, outBuf: 'hi', cb: told.cb }));
      await told.saw('EOF');
      assert.equal(told.story[0], 'CONNECTED');
      assert.equal(told.count('CONNECTED'), 1);
    }),
  );

  it(
    'does not come for a bare fh',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
      far.write('hello');
      await told.saw('IN');
      assert.deepEqual(told.story, ['IN']);
    }),
  );

  it(
    'comes for an fh with plugins',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      kept(h, new IOStream({ fh: near, waitFor: ALL, plugin: { noop: passthrough() }, cb: told.cb }));
      far.write('hello');
      await told.saw('IN');
      assert.deepEqual(told.story, ['CONNECTED', 'IN']);
    }),
  );
});

describe.each(TRANSPORTS)('IN and EOF over %s', (transport) => {
  it(
    'IN comes after each read, with the bytes in `inBuf` and their number in `inBytes`',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const looks: [string, number][] = [];
      const told = new EventLog(h, (io) => looks.push([io.inBuf.toString(), io.inBytes]));
      kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.write('one');
      await told.saw('IN');
      far.write('two');
      await told.saw('IN', 2);
      assert.deepEqual(looks, [
        ['one', 3],
        ['onetwo', 6],
      ]);
    }),
  );

  it(
    'EOF comes once, after all bytes, and sets `isEof`; we can still write',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h, (io, mask) => {
        if (mask & EOF) io.write('still here');
      });
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | EOF | SENT, cb: told.cb }));
      assert.equal(io.isEof, false);
      far.end('last words');
      await told.saw('SENT');
      assert.equal(io.inBuf.toString(), 'last words');
      assert.equal(io.isEof, true);
      io.end();
      assert.equal((await allOf(far)).toString(), 'still here');
      assert.deepEqual(told.story, ['IN', 'EOF', 'SENT']);
    }),
  );

  it(
    '`isEof` is set also when EOF is not waited for',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.end('x');
      await h.until(() => io.isEof, 'isEof');
      assert.deepEqual(told.story, ['IN']);
    }),
  );
});

describe.each(TRANSPORTS)('OUT and SENT over %s', (transport) => {
  it(
    'OUT comes when bytes leave `outBuf` and counts them, SENT when all have left',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const looks: unknown[] = [];
      const told = new EventLog(h, (io, mask) => looks.push([eventNames(mask).includes('OUT'), io.outBuf.length, io.outBytes]));
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'hello', cb: told.cb }));
      assert.equal(io.outBuf.toString(), 'hello');
      await told.saw('SENT');
      assert.deepEqual(looks[0], [true, 0, 5]);
      assert.equal(told.count('OUT'), 1);
      assert.equal(told.count('SENT'), 1);
      io.end();
      assert.equal((await allOf(far)).toString(), 'hello');
    }),
  );

  it(
    'a large `outBuf` leaves in several OUTs and one SENT',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: Buffer.alloc(16_000_000, 'x'), cb: told.cb }));
      const reading = allOf(far);
      await told.saw('SENT');
      assert.ok(told.count('OUT') > 1);
      assert.equal(told.count('SENT'), 1);
      assert.equal(told.story.at(-1)?.endsWith('SENT'), true);
      assert.equal(io.outBytes, 16_000_000);
      io.end();
      assert.equal((await reading).length, 16_000_000);
    }),
  );

  it(
    'OUT comes when a plugin takes the bytes, SENT only when they have left it',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '12345', cb: told.cb }));
      await told.saw('OUT');
      assert.equal(io.outBuf.length, 0);
      far.write('?');
      await told.saw('IN');
      assert.equal(told.gist, 'OUT IN');
      io.write('678');
      await told.saw('SENT');
      assert.equal(told.count('OUT'), 2);
      const [got] = (await once(far, 'data')) as [Buffer];
      assert.equal(got.toString(), '12345678');
    }),
  );

  it(
    'SENT comes for what a plugin holds back when our end gives it free',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '123', cb: told.cb }));
      await told.saw('OUT');
      io.end();
      await told.saw('SENT');
      assert.equal((await allOf(far)).toString(), '123');
    }),
  );

  it(
    'neither comes for nothing',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
      io.write();
      io.write('');
      far.write('?');
      await told.saw('IN');
      assert.deepEqual(told.story, ['IN']);
    }),
  );
});
