import { OUT, IOStream, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const LARGE = pattern(9_000_000);

describe.each(TRANSPORTS)('outBuf over %s', (transport) => {
  spec('given to `new` it leaves by itself, when the connection is there', async (h) => {
    let received: Promise<Buffer> | undefined;
    const place = await served(h, (socket) => (received = allOf(socket)), transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: SENT, outBuf: 'at once', cb: told.cb }));
    await told.waitFor('SENT');
    io.end();
    expect((await received)?.toString()).toBe('at once');
  });

  spec('shows what has not been given down, and loses it from the front', async (h) => {
    const { near, far } = await pair(h, transport);
    const lengths: number[] = [];
    const told = new EventLog(h, (io) => lengths.push(io.outBuf.length + io.outBytes));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, cb: told.cb }));
    await told.waitFor('OUT');
    h.sameBytes(io.outBuf, LARGE.subarray(io.outBytes));
    const reading = allOf(far);
    await told.waitFor('SENT');
    expect(lengths.every((sum) => sum === LARGE.length)).toBe(true);
    expect(io.outBuf.length).toBe(0);
    io.end();
    h.sameBytes(await reading, LARGE);
  });

  spec('is assigned, then write() sends it: what was there before and has not gone down is gone', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'never said', cb: told.cb }));
    io.outBuf = 'said';
    io.write();
    io.write(' and added');
    expect(io.outBuf.toString()).toBe('said and added');
    await told.waitFor('SENT');
    io.end();
    expect((await allOf(far)).toString()).toBe('said and added');
  });

  spec('is refilled on each OUT: the bytes follow each other', async (h) => {
    const { near, far } = await pair(h, transport);
    const words = ['two ', 'three ', 'four'];
    const told = new EventLog(h, (io, mask) => {
      if ((mask & OUT) === 0) return;
      const word = words.shift();
      if (word === undefined) return;
      io.outBuf = word;
      io.write();
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'one ', cb: told.cb }));
    await told.waitFor('OUT', 4);
    io.end();
    expect((await allOf(far)).toString()).toBe('one two three four');
  });
});

describe.each(TRANSPORTS)('outPos over %s', (transport) => {
  spec('moves, and outBuf stays as it is', async (h) => {
    const { near, far } = await pair(h, transport);
    const positions: (number | undefined)[] = [];
    const told = new EventLog(h, (io) => positions.push(io.outPos));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, outPos: 0, cb: told.cb }));
    const reading = allOf(far);
    await told.waitFor('SENT');
    expect(io.outPos).toBe(LARGE.length);
    expect(io.outBytes).toBe(LARGE.length);
    h.sameBytes(io.outBuf, LARGE);
    expect(positions.every((position, at) => position !== undefined && position >= (positions[at - 1] ?? 0))).toBe(true);
    io.end();
    h.sameBytes(await reading, LARGE);
  });

  spec('says where in outBuf to begin; write(data) adds behind, and moving it back says it again', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'skipped,kept', outPos: 8, cb: told.cb }));
    await told.waitFor('SENT');
    io.write(',added');
    await told.waitFor('SENT', 2);
    expect(io.outBuf.toString()).toBe('skipped,kept,added');
    expect(io.outPos).toBe(18);
    io.outPos = 12;
    io.write();
    await told.waitFor('SENT', 3);
    expect(io.outBytes).toBe(4 + 6 + 6);
    io.end();
    expect((await allOf(far)).toString()).toBe('kept,added,added');
  });

  spec('behind the end there is nothing to send', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'abc', outPos: 7, cb: told.cb }));
    io.write();
    io.end();
    expect((await allOf(far)).length).toBe(0);
    expect(told.events).toStrictEqual([]);
    expect(io.outPos).toBe(7);
  });

  spec('taken away, what is behind it leaves from the front again', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'abc', outPos: 0, cb: told.cb }));
    await told.waitFor('SENT');
    io.outBuf = 'def';
    io.outPos = undefined;
    io.write();
    await told.waitFor('SENT', 2);
    expect(io.outBuf.length).toBe(0);
    io.end();
    expect((await allOf(far)).toString()).toBe('abcdef');
  });
});

describe('outBytes', () => {
  spec('counts on from what the user sets it to', async (h) => {
    const { near } = await pair(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: '12345', cb: told.cb }));
    await told.waitFor('SENT');
    expect(io.outBytes).toBe(5);
    io.outBytes = 0;
    io.write('678');
    await told.waitFor('SENT', 2);
    expect(io.outBytes).toBe(3);
  });
});
