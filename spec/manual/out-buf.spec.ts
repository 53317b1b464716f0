import { OUT, IOStream, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const LARGE = pattern(9_000_000);

describe.each(TRANSPORTS)('outBuf over %s', (transport) => {
  spec('is sent when the connection opens if it was passed to `new`', async (h) => {
    let received: Promise<Buffer> | undefined;
    const place = await served(h, (socket) => (received = allOf(socket)), transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: SENT, outBuf: 'at once', cb: log.cb }));
    await log.waitFor('SENT');
    io.end();
    await h.until(() => received !== undefined, 'the peer has accepted');
    expect((await received)?.toString()).toBe('at once');
  });

  spec('contains the bytes that are not written yet, and shrinks from the front', async (h) => {
    const { near, far } = await pair(h, transport);
    const lengths: number[] = [];
    const log = new EventLog(h, (io) => lengths.push(io.outBuf.length + io.outBytes));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, cb: log.cb }));
    await log.waitFor('OUT');
    h.sameBytes(io.outBuf, LARGE.subarray(io.outBytes));
    const reading = allOf(far);
    await log.waitFor('SENT');
    expect(lengths.every((sum) => sum === LARGE.length)).toBe(true);
    expect(io.outBuf.length).toBe(0);
    io.end();
    h.sameBytes(await reading, LARGE);
  });

  spec('may be assigned before write(): old bytes that were not written are dropped', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'dropped', cb: log.cb }));
    io.outBuf = 'kept';
    io.write();
    io.write(' and added');
    expect(io.outBuf.toString()).toBe('kept and added');
    await log.waitFor('SENT');
    io.end();
    expect((await allOf(far)).toString()).toBe('kept and added');
  });

  spec('may be refilled on each OUT: all bytes are sent in order', async (h) => {
    const { near, far } = await pair(h, transport);
    const words = ['two ', 'three ', 'four'];
    const log = new EventLog(h, (io, mask) => {
      if ((mask & OUT) === 0) return;
      const word = words.shift();
      if (word === undefined) return;
      io.outBuf = word;
      io.write();
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'one ', cb: log.cb }));
    await log.waitFor('OUT', 4);
    io.end();
    expect((await allOf(far)).toString()).toBe('one two three four');
  });
});

describe.each(TRANSPORTS)('outPos over %s', (transport) => {
  spec('moves forward while outBuf stays the same', async (h) => {
    const { near, far } = await pair(h, transport);
    const positions: (number | undefined)[] = [];
    const log = new EventLog(h, (io) => positions.push(io.outPos));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: LARGE, outPos: 0, cb: log.cb }));
    const reading = allOf(far);
    await log.waitFor('SENT');
    expect(io.outPos).toBe(LARGE.length);
    expect(io.outBytes).toBe(LARGE.length);
    h.sameBytes(io.outBuf, LARGE);
    expect(positions.every((position, at) => position !== undefined && position >= (positions[at - 1] ?? 0))).toBe(true);
    io.end();
    h.sameBytes(await reading, LARGE);
  });

  spec('is the start in outBuf; write(data) appends, and moving it back sends bytes again', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'skipped,kept', outPos: 8, cb: log.cb }));
    await log.waitFor('SENT');
    io.write(',added');
    await log.waitFor('SENT', 2);
    expect(io.outBuf.toString()).toBe('skipped,kept,added');
    expect(io.outPos).toBe(18);
    io.outPos = 12;
    io.write();
    await log.waitFor('SENT', 3);
    expect(io.outBytes).toBe(4 + 6 + 6);
    io.end();
    expect((await allOf(far)).toString()).toBe('kept,added,added');
  });

  spec('sends nothing when it is behind the end', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'abc', outPos: 7, cb: log.cb }));
    io.write();
    io.end();
    expect((await allOf(far)).length).toBe(0);
    expect(log.events).toStrictEqual([]);
    expect(io.outPos).toBe(7);
  });

  spec('may be removed: outBuf shrinks from the front again', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'abc', outPos: 0, cb: log.cb }));
    await log.waitFor('SENT');
    io.outBuf = 'def';
    io.outPos = undefined;
    io.write();
    await log.waitFor('SENT', 2);
    expect(io.outBuf.length).toBe(0);
    io.end();
    expect((await allOf(far)).toString()).toBe('abcdef');
  });
});

describe('outBytes', () => {
  spec('continues to count from the value that the user sets', async (h) => {
    const { near } = await pair(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: '12345', cb: log.cb }));
    await log.waitFor('SENT');
    expect(io.outBytes).toBe(5);
    io.outBytes = 0;
    io.write('678');
    await log.waitFor('SENT', 2);
    expect(io.outBytes).toBe(3);
  });
});
