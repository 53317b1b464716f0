import { once } from 'node:events';
import { CONNECTED, EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

describe.each(TRANSPORTS)('write() over %s', (transport) => {
  spec('takes text, Buffers and other views of bytes, in order', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT }));
    io.write('text ü ');
    io.write(Buffer.from('buffer '));
    io.write(new Uint8Array([65, 66, 32]));
    io.write(new DataView(new Uint8Array([67, 68, 69]).buffer, 1));
    io.write(new Uint16Array([0x4646]));
    io.end();
    expect((await allOf(far)).toString()).toBe('text ü buffer AB DEFF');
  });

  spec('never calls back before it returns, and writes of one tick leave together', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
    for (const word of ['one ', 'two ', 'three']) {
      io.write(word);
      expect(told.events).toStrictEqual([]);
    }
    const [first] = (await once(far, 'data')) as [Buffer];
    expect(first.toString()).toBe('one two three');
    await told.waitFor('SENT');
    expect(told.count('OUT')).toBe(1);
    expect(told.count('SENT')).toBe(1);
  });

  spec('before the connection is there: the bytes wait, in order', async (h) => {
    let received: Promise<Buffer> | undefined;
    const place = await served(h, (socket) => (received = allOf(socket)), transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | OUT | SENT, outBuf: '1', cb: told.cb }));
    io.write('2');
    queueMicrotask(() => io.write('3'));
    await told.waitFor('CONNECTED');
    io.write('4');
    await told.waitFor('SENT');
    io.end();
    expect((await received)?.toString()).toBe('1234');
    expect(told.events[0]).toBe('CONNECTED');
  });

  spec('from inside the callback: it is not entered again before it returns', async (h) => {
    const { near, far } = await pair(h, transport);
    let inside = false;
    let left = 100;
    const told = new EventLog(h, (io) => {
      expect(inside).toBe(false);
      inside = true;
      if ((left -= 1) >= 0) io.write('x');
      inside = false;
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'x', cb: told.cb }));
    await h.until(() => left < 0 && io.outBuf.length === 0, 'the last call');
    io.end();
    expect((await allOf(far)).length).toBe(101);
  });

  spec('without data tells that outBuf was changed; without a change it does nothing', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
    expect(io.write()).toBe(true);
    io.outBuf = 'changed';
    expect(io.write()).toBe(true);
    await told.waitFor('SENT');
    expect(io.write()).toBe(true);
    io.end();
    expect((await allOf(far)).toString()).toBe('changed');
    expect(told.count('SENT')).toBe(1);
  });

  spec('answers false when the caller should wait for SENT', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, cb: told.cb }));
    expect(io.write('little')).toBe(true);
    expect(io.write(Buffer.alloc(8_000_000))).toBe(false);
    expect(io.write('more')).toBe(false);
    far.resume();
    await told.waitFor('SENT');
    expect(io.write('again')).toBe(true);
  });

  spec('after the peer ended still reaches it', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.write(Buffer.concat([Buffer.from('echo: '), io.inBuf]));
      if (mask & SENT) io.end();
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 1024, cb: told.cb }));
    far.end('hello');
    expect((await allOf(far)).toString()).toBe('echo: hello');
  });

  spec('after end() is refused with ECLOSED, which closes nothing; after close() it only answers false', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT | EOF, cb: told.cb }));
    io.end('the end');
    expect(io.write('refused')).toBe(false);
    expect(told.events).toStrictEqual([]);
    await told.waitFor('ECLOSED');
    h.error(told.errors[0], { code: 'ECLOSED', phase: 'write', fatal: false });
    expect((await allOf(far)).toString()).toBe('the end');
    far.write('still heard');
    await told.waitFor('IN');
    io.close();
    const before = told.events.length;
    expect(io.write('nothing')).toBe(false);
    expect(io.write()).toBe(false);
    far.end();
    await h.until(() => io.state === 'closed', 'closed');
    expect(told.events.length).toBe(before);
  });

  spec('over `outBufLimit` is refused with EOUTBUFLIMIT: what was accepted leaves, what was refused does not', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBufLimit: 10, cb: told.cb }));
    io.write('1234567890');
    expect(io.write('refused')).toBe(false);
    expect(io.write('refused too')).toBe(false);
    await told.waitFor('EOUTBUFLIMIT');
    h.error(told.errors[0], { code: 'EOUTBUFLIMIT', phase: 'write', fatal: false });
    expect(told.count('EOUTBUFLIMIT')).toBe(1);
    await h.until(() => io.outBuf.length === 0, 'room');
    await told.waitFor('SENT');
    io.end('!');
    expect((await allOf(far)).toString()).toBe('1234567890!');
  });
});
