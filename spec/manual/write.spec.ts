import assert from 'node:assert/strict';
import { once } from 'node:events';
import { CONNECTED, EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

describe.each(TRANSPORTS)('write() over %s', (transport) => {
  it(
    'takes text, Buffers and other views of bytes, in order',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT }));
      io.write('text ü ');
      io.write(Buffer.from('buffer '));
      io.write(new Uint8Array([65, 66, 32]));
      io.write(new DataView(new Uint8Array([67, 68, 69]).buffer, 1));
      io.write(new Uint16Array([0x4646]));
      io.end();
      assert.equal((await allOf(far)).toString(), 'text ü buffer AB DEFF');
    }),
  );

  it(
    'never calls back before it returns, and writes of one tick leave together',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
      for (const word of ['one ', 'two ', 'three']) {
        io.write(word);
        assert.deepEqual(told.story, []);
      }
      const [first] = (await once(far, 'data')) as [Buffer];
      assert.equal(first.toString(), 'one two three');
      await told.saw('SENT');
      assert.equal(told.count('OUT'), 1);
      assert.equal(told.count('SENT'), 1);
    }),
  );

  it(
    'before the connection is there: the bytes wait, in order',
    invariants(async (h) => {
      let received: Promise<Buffer> | undefined;
      const place = await served(h, (socket) => (received = allOf(socket)), transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...place, waitFor: CONNECTED | OUT | SENT, outBuf: '1', cb: told.cb }));
      io.write('2');
      queueMicrotask(() => io.write('3'));
      await told.saw('CONNECTED');
      io.write('4');
      await told.saw('SENT');
      io.end();
      assert.equal((await received)?.toString(), '1234');
      assert.equal(told.story[0], 'CONNECTED');
    }),
  );

  it(
    'from inside the callback: it is not entered again before it returns',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      let inside = false;
      let left = 100;
      const told = new EventLog(h, (io) => {
        assert.equal(inside, false);
        inside = true;
        if ((left -= 1) >= 0) io.write('x');
        inside = false;
      });
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'x', cb: told.cb }));
      await h.until(() => left < 0 && io.outBuf.length === 0, 'the last call');
      io.end();
      assert.equal((await allOf(far)).length, 101);
    }),
  );

  it(
    'without data tells that outBuf was changed; without a change it does nothing',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
      assert.equal(io.write(), true);
      io.outBuf = 'changed';
      assert.equal(io.write(), true);
      await told.saw('SENT');
      assert.equal(io.write(), true);
      io.end();
      assert.equal((await allOf(far)).toString(), 'changed');
      assert.equal(told.count('SENT'), 1);
    }),
  );

  it(
    'answers false when the caller should wait for SENT',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, cb: told.cb }));
      assert.equal(io.write('little'), true);
      assert.equal(io.write(Buffer.alloc(8_000_000)), false);
      assert.equal(io.write('more'), false);
      far.resume();
      await told.saw('SENT');
      assert.equal(io.write('again'), true);
    }),
  );

  it(
    'after the peer ended still reaches it',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h, (io, mask) => {
        if (mask & EOF) io.write(Buffer.concat([Buffer.from('echo: '), io.inBuf]));
        if (mask & SENT) io.end();
      });
      kept(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 1024, cb: told.cb }));
      far.end('hello');
      assert.equal((await allOf(far)).toString(), 'echo: hello');
    }),
  );

  it(
    'after end() is refused with ECLOSED, which closes nothing; after close() it only answers false',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN | SENT | EOF, cb: told.cb }));
      io.end('the end');
      assert.equal(io.write('refused'), false);
      assert.deepEqual(told.story, []);
      await told.saw('ECLOSED');
      h.error(told.errors[0], { code: 'ECLOSED', phase: 'write', fatal: false });
      assert.equal((await allOf(far)).toString(), 'the end');
      far.write('still heard');
      await told.saw('IN');
      io.close();
      const before = told.story.length;
      assert.equal(io.write('nothing'), false);
      assert.equal(io.write(), false);
      far.end();
      await h.until(() => io.state === 'closed', 'closed');
      assert.equal(told.story.length, before);
    }),
  );

  it(
    'over `outBufLimit` is refused with EOUTBUFLIMIT: what was accepted leaves, what was refused does not',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, outBufLimit: 10, cb: told.cb }));
      io.write('1234567890');
      assert.equal(io.write('refused'), false);
      assert.equal(io.write('refused too'), false);
      await told.saw('EOUTBUFLIMIT');
      h.error(told.errors[0], { code: 'EOUTBUFLIMIT', phase: 'write', fatal: false });
      assert.equal(told.count('EOUTBUFLIMIT'), 1);
      await h.until(() => io.outBuf.length === 0, 'room');
      await told.saw('SENT');
      io.end('!');
      assert.equal((await allOf(far)).toString(), '1234567890!');
    }),
  );
});
