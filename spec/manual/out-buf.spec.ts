import assert from 'node:assert/strict';
import { OUT, IOStream, SENT } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { allOf, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

const LARGE = pattern(9_000_000);

describe.each(TRANSPORTS)('outBuf over %s', (transport) => {
  it(
    'given to `new` it leaves by itself, when the connection is there',
    invariants(async (h) => {
      let received: Promise<Buffer> | undefined;
      const place = await served(h, (socket) => (received = allOf(socket)), transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ ...place, waitFor: SENT, outBuf: 'at once', cb: told.cb }));
      await told.saw('SENT');
      io.end();
      assert.equal((await received)?.toString(), 'at once');
    }),
  );

  it(
    'shows what has not been given down, and loses it from the front',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const lengths: number[] = [];
      const told = new EventLog(h, (io) => lengths.push(io.outBuf.length + io.outBytes));
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, cb: told.cb }));
      await told.saw('OUT');
      h.sameBytes(io.outBuf, LARGE.subarray(io.outBytes));
      const reading = allOf(far);
      await told.saw('SENT');
      assert.ok(lengths.every((sum) => sum === LARGE.length));
      assert.equal(io.outBuf.length, 0);
      io.end();
      h.sameBytes(await reading, LARGE);
    }),
  );

  it(
    'is assigned, then write() sends it: what was there before and has not gone down is gone',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'never said', cb: told.cb }));
      io.outBuf = 'said';
      io.write();
      io.write(' and added');
      assert.equal(io.outBuf.toString(), 'said and added');
      await told.saw('SENT');
      io.end();
      assert.equal((await allOf(far)).toString(), 'said and added');
    }),
  );

  it(
    'is refilled on each OUT: the bytes follow each other',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const words = ['two ', 'three ', 'four'];
      const told = new EventLog(h, (io, mask) => {
        if ((mask & OUT) === 0) return;
        const word = words.shift();
        if (word === undefined) return;
        io.outBuf = word;
        io.write();
      });
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'one ', cb: told.cb }));
      await told.saw('OUT', 4);
      io.end();
      assert.equal((await allOf(far)).toString(), 'one two three four');
    }),
  );
});

describe.each(TRANSPORTS)('outPos over %s', (transport) => {
  it(
    'moves, and outBuf stays as it is',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const positions: (number | undefined)[] = [];
      const told = new EventLog(h, (io) => positions.push(io.outPos));
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, outPos: 0, cb: told.cb }));
      const reading = allOf(far);
      await told.saw('SENT');
      assert.equal(io.outPos, LARGE.length);
      assert.equal(io.outBytes, LARGE.length);
      h.sameBytes(io.outBuf, LARGE);
      assert.ok(positions.every((position, at) => position !== undefined && position >= (positions[at - 1] ?? 0)));
      io.end();
      h.sameBytes(await reading, LARGE);
    }),
  );

  it(
    'says where in outBuf to begin; write(data) adds behind, and moving it back says it again',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'skipped,kept', outPos: 8, cb: told.cb }));
      await told.saw('SENT');
      io.write(',added');
      await told.saw('SENT', 2);
      assert.equal(io.outBuf.toString(), 'skipped,kept,added');
      assert.equal(io.outPos, 18);
      io.outPos = 12;
      io.write();
      await told.saw('SENT', 3);
      assert.equal(io.outBytes, 4 + 6 + 6);
      io.end();
      assert.equal((await allOf(far)).toString(), 'kept,added,added');
    }),
  );

  it(
    'behind the end there is nothing to send',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'abc', outPos: 7, cb: told.cb }));
      io.write();
      io.end();
      assert.equal((await allOf(far)).length, 0);
      assert.deepEqual(told.story, []);
      assert.equal(io.outPos, 7);
    }),
  );

  it(
    'taken away, what is behind it leaves from the front again',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'abc', outPos: 0, cb: told.cb }));
      await told.saw('SENT');
      io.outBuf = 'def';
      io.outPos = undefined;
      io.write();
      await told.saw('SENT', 2);
      assert.equal(io.outBuf.length, 0);
      io.end();
      assert.equal((await allOf(far)).toString(), 'abcdef');
    }),
  );
});

describe('outBytes', () => {
  it(
    'counts on from what the user sets it to',
    invariants(async (h) => {
      const { near } = await pair(h);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT, outBuf: '12345', cb: told.cb }));
      await told.saw('SENT');
      assert.equal(io.outBytes, 5);
      io.outBytes = 0;
      io.write('678');
      await told.saw('SENT', 2);
      assert.equal(io.outBytes, 3);
    }),
  );
});
