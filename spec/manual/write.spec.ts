import { once } from 'node:events';
import { CONNECTED, EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

describe.each(TRANSPORTS)('write() over %s', (transport) => {
  spec('accepts text, Buffers and other views of bytes, and sends them in order', async (h) => {
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

  spec('never calls the callback before it returns, and sends the writes of one tick together', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: log.cb }));
    for (const word of ['one ', 'two ', 'three']) {
      io.write(word);
      expect(log.events).toStrictEqual([]);
    }
    const [first] = (await once(far, 'data')) as [Buffer];
    expect(first.toString()).toBe('one two three');
    await log.waitFor('SENT');
    expect(log.count('OUT')).toBe(1);
    expect(log.count('SENT')).toBe(1);
  });

  spec('queues bytes in order until the connection opens', async (h) => {
    let received: Promise<Buffer> | undefined;
    const place = await served(h, (socket) => (received = allOf(socket)), transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | OUT | SENT, outBuf: '1', cb: log.cb }));
    io.write('2');
    queueMicrotask(() => io.write('3'));
    await log.waitFor('CONNECTED');
    io.write('4');
    await log.waitFor('SENT');
    io.end();
    await h.until(() => received !== undefined, 'the peer has accepted');
    expect((await received)?.toString()).toBe('1234');
    expect(log.events[0]).toBe('CONNECTED');
  });

  spec('does not enter the callback again when it is called inside the callback', async (h) => {
    const { near, far } = await pair(h, transport);
    let inside = false;
    let remaining = 100;
    const log = new EventLog(h, (io) => {
      expect(inside).toBe(false);
      inside = true;
      if ((remaining -= 1) >= 0) io.write('x');
      inside = false;
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'x', cb: log.cb }));
    await h.until(() => remaining < 0 && io.outBuf.length === 0, 'the last call');
    io.end();
    expect((await allOf(far)).length).toBe(101);
  });

  spec('sends a changed outBuf when it is called without data, and otherwise does nothing', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: log.cb }));
    expect(io.write()).toBe(true);
    io.outBuf = 'changed';
    expect(io.write()).toBe(true);
    await log.waitFor('SENT');
    expect(io.write()).toBe(true);
    io.end();
    expect((await allOf(far)).toString()).toBe('changed');
    expect(log.count('SENT')).toBe(1);
  });

  spec('returns false when the caller should wait for SENT', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, cb: log.cb }));
    expect(io.write('little')).toBe(true);
    expect(io.write(Buffer.alloc(8_000_000))).toBe(false);
    expect(io.write('more')).toBe(false);
    far.resume();
    await log.waitFor('SENT');
    expect(io.write('again')).toBe(true);
  });

  spec('still reaches the peer after its EOF', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.write(Buffer.concat([Buffer.from('echo: '), io.inBuf]));
      if (mask & SENT) io.end();
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 1024, cb: log.cb }));
    far.end('hello');
    expect((await allOf(far)).toString()).toBe('echo: hello');
  });

  spec('reports ECLOSED after end() without closing the stream, and only returns false after close()', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT | EOF, cb: log.cb }));
    io.end('the end');
    expect(io.write('refused')).toBe(false);
    expect(log.events).toStrictEqual([]);
    await log.waitFor('ECLOSED');
    h.error(log.errors[0], { code: 'ECLOSED', phase: 'write', fatal: false });
    expect((await allOf(far)).toString()).toBe('the end');
    far.write('still read');
    await log.waitFor('IN');
    io.close();
    const before = log.events.length;
    expect(io.write('nothing')).toBe(false);
    expect(io.write()).toBe(false);
    far.end();
    await h.until(() => io.state === 'closed', 'closed');
    expect(log.events.length).toBe(before);
  });

  spec('reports EOUTBUFLIMIT above `outBufLimit`: accepted bytes are sent, refused bytes are not', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBufLimit: 10, cb: log.cb }));
    io.write('1234567890');
    expect(io.write('refused')).toBe(false);
    expect(io.write('refused too')).toBe(false);
    await log.waitFor('EOUTBUFLIMIT');
    h.error(log.errors[0], { code: 'EOUTBUFLIMIT', phase: 'write', fatal: false });
    expect(log.count('EOUTBUFLIMIT')).toBe(1);
    await h.until(() => io.outBuf.length === 0, 'room');
    await log.waitFor('SENT');
    io.end('!');
    expect((await allOf(far)).toString()).toBe('1234567890!');
  });
});
