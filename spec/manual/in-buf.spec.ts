import assert from 'node:assert/strict';
import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { pair, pattern, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

/** What Node reads at once, at the most. */
const READ = 65_536;

describe.each(TRANSPORTS)('inBuf over %s', (transport) => {
  it(
    'keeps what was read until the user takes it, in whole or in part',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      assert.equal(io.inBuf.length, 0);
      far.write('abcdef');
      await told.saw('IN');
      assert.equal(io.read(2).toString(), 'ab');
      assert.equal(io.inBuf.toString(), 'cdef');
      io.inBuf = io.inBuf.subarray(1);
      far.write('gh');
      await told.saw('IN', 2);
      assert.equal(io.inBuf.toString(), 'defgh');
      assert.equal(io.read().toString(), 'defgh');
      assert.equal(io.read().length, 0);
      assert.equal(io.inBytes, 8);
    }),
  );

  it(
    'is assigned text or bytes, and the next read is added',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      io.inBuf = 'größe';
      far.write('!');
      await told.saw('IN');
      assert.equal(io.inBuf.toString(), 'größe!');
      io.inBuf = new Uint8Array([65]);
      assert.equal(io.inBuf.toString(), 'A');
      assert.throws(() => (io.inBuf = 5 as never), TypeError);
      assert.equal(io.inBuf.toString(), 'A');
    }),
  );

  it(
    'a look at it stays as it was: later reads do not change it',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.write('before');
      await told.saw('IN');
      const look = io.inBuf;
      io.inBuf = '';
      far.write('behind');
      await told.saw('IN', 2);
      assert.equal(look.toString(), 'before');
      assert.equal(io.inBuf.toString(), 'behind');
    }),
  );

  it(
    '`inBytes` counts on from what the user sets it to',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h, (io) => (io.inBytes = 0));
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
      far.write('12345');
      await told.saw('IN');
      assert.equal(io.inBytes, 0);
      io.inBytes = 100;
      io.cb = undefined;
      far.write('678');
      await h.until(() => io.inBytes === 103, 'inBytes of 103');
    }),
  );
});

describe.each(TRANSPORTS)('inBufLimit over %s', (transport) => {
  it(
    'EINBUFLIMIT comes above the limit, not at it',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 5, cb: told.cb }));
      far.write('12345');
      await h.until(() => io.inBytes === 5, '5 bytes');
      assert.deepEqual(told.story, []);
      far.write('6');
      await told.saw('EINBUFLIMIT');
      h.error(told.errors[0], { code: 'EINBUFLIMIT', phase: 'read', fatal: false });
      assert.equal(told.errors[0]?.errno, -10100);
      assert.equal(io.inBuf.toString(), '123456');
    }),
  );

  it(
    'reading stops then: a flood stays with its sender, and one error is told',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1000, cb: told.cb }));
      const full = new Promise<void>((resolve) => {
        const flood = (): void => {
          while (far.writableLength < 8_000_000) far.write(Buffer.alloc(1_000_000));
          resolve();
        };
        far.on('drain', flood);
        flood();
      });
      await full;
      await told.saw('EINBUFLIMIT');
      // A round trip of the event loop, many times: the sender could have got rid of all.
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      assert.ok(io.inBytes <= 2 * READ, `read ${io.inBytes} bytes`);
      assert.ok(far.writableLength > 0);
      assert.deepEqual(told.story, ['EINBUFLIMIT']);
    }),
  );

  describe.each(['inside the callback', 'later'])('answered %s', (when) => {
    const NOTHING = Buffer.alloc(0);
    it.each<[how: string, answer: (io: IOStream) => unknown]>([
      ['inBufLimit is raised', (io) => (io.inBufLimit = 1_000_000)],
      ['inBufLimit is 0', (io) => (io.inBufLimit = 0)],
      ['inBuf is drained', (io) => (io.inBuf = NOTHING)],
      ['read() takes it', (io) => io.read()],
      ['IN is waited for', (io) => (io.waitFor = IN | EOF)],
    ])('reading goes on when %s; nothing is lost', (_how, answer) =>
      invariants(async (h) => {
        const { near, far } = await pair(h, transport);
        const taken: Buffer[] = [];
        const reply = (io: IOStream): void => {
          const before = io.inBuf;
          answer(io);
          taken.push(before.subarray(0, before.length - io.inBuf.length));
        };
        const told = new EventLog(h, (io, _mask, error) => {
          if (!error) return;
          if (when === 'later') setImmediate(reply, io);
          else reply(io);
        });
        const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: told.cb }));
        const given = pattern(200_000);
        far.end(given);
        await told.saw('EOF');
        h.sameBytes([...taken, io.inBuf], given);
        assert.equal(io.inBytes, given.length);
      })(),
    );
  });

  it(
    'assigning alone raises nothing; each later read that leaves it over the limit raises it again',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 3, cb: told.cb }));
      far.write('1234');
      await told.saw('EINBUFLIMIT');
      io.inBufLimit = 2;
      io.inBuf = 'still too long';
      io.waitFor = EOF;
      await new Promise(setImmediate);
      assert.equal(told.count('EINBUFLIMIT'), 1);
      far.write('5');
      await told.saw('EINBUFLIMIT', 2);
      assert.equal(io.inBuf.toString(), 'still too long5');
    }),
  );

  it(
    'the answer given by the end of the callback counts: three errors, each answered by a tenfold limit, then EOF',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      let before = 0;
      const told = new EventLog(h, (io, _mask, error) => {
        if (!error) return;
        assert.ok(io.inBytes > before);
        assert.equal(io.inBuf.length, io.inBytes);
        assert.equal(io.isEof, false);
        before = io.inBytes;
        io.inBufLimit = 10 * (io.inBufLimit ?? 0);
      });
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1024, cb: told.cb }));
      far.end(Buffer.alloc(204_800, 'x'));
      await told.saw('EOF');
      assert.deepEqual(told.story, ['EINBUFLIMIT', 'EINBUFLIMIT', 'EINBUFLIMIT', 'EOF']);
      assert.equal(io.inBytes, 204_800);
      h.sameBytes(io.inBuf, 'x'.repeat(204_800));
    }),
  );

  it(
    '0 is no limit',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 0, cb: told.cb }));
      far.end(Buffer.alloc(2_000_000));
      await told.saw('EOF');
      assert.deepEqual(told.story, ['EOF']);
      assert.equal(io.inBuf.length, 2_000_000);
    }),
  );

  it(
    'does not count while IN is wanted',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | EOF, inBufLimit: 10, cb: told.cb }));
      far.end(Buffer.alloc(500_000));
      await told.saw('EOF');
      assert.equal(told.gist, 'IN EOF');
      assert.equal(io.inBuf.length, 500_000);
    }),
  );
});
