import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { pair, pattern, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

/** Maximum number of bytes of one read in Node. */
const MAX_READ = 65_536;

describe.each(TRANSPORTS)('inBuf over %s', (transport) => {
  spec('keeps the bytes read until the user removes them, all or a part', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    expect(io.inBuf.length).toBe(0);
    far.write('abcdef');
    await log.waitFor('IN');
    expect(io.read(2).toString()).toBe('ab');
    expect(io.inBuf.toString()).toBe('cdef');
    io.inBuf = io.inBuf.subarray(1);
    far.write('gh');
    await log.waitFor('IN', 2);
    expect(io.inBuf.toString()).toBe('defgh');
    expect(io.read().toString()).toBe('defgh');
    expect(io.read().length).toBe(0);
    expect(io.inBytes).toBe(8);
  });

  spec('may be assigned text or bytes; the next read is appended', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    io.inBuf = 'größe';
    far.write('!');
    await log.waitFor('IN');
    expect(io.inBuf.toString()).toBe('größe!');
    io.inBuf = new Uint8Array([65]);
    expect(io.inBuf.toString()).toBe('A');
    expect(() => (io.inBuf = 5 as never)).toThrow(TypeError);
    expect(io.inBuf.toString()).toBe('A');
  });

  spec('returns bytes that later reads do not change', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('before');
    await log.waitFor('IN');
    const snapshot = io.inBuf;
    io.inBuf = '';
    far.write('behind');
    await log.waitFor('IN', 2);
    expect(snapshot.toString()).toBe('before');
    expect(io.inBuf.toString()).toBe('behind');
  });

  spec('has a count, `inBytes`, that continues from the value that the user sets', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io) => (io.inBytes = 0));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('12345');
    await log.waitFor('IN');
    expect(io.inBytes).toBe(0);
    io.inBytes = 100;
    io.cb = undefined;
    far.write('678');
    await h.until(() => io.inBytes === 103, 'inBytes of 103');
  });
});

describe.each(TRANSPORTS)('inBufLimit over %s', (transport) => {
  spec('reports EINBUFLIMIT above the limit, not at it', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 5, cb: log.cb }));
    far.write('12345');
    await h.until(() => io.inBytes === 5, '5 bytes');
    expect(log.events).toStrictEqual([]);
    far.write('6');
    await log.waitFor('EINBUFLIMIT');
    h.error(log.errors[0], { code: 'EINBUFLIMIT', phase: 'read', fatal: false });
    expect(log.errors[0]?.errno).toBe(-10100);
    expect(io.inBuf.toString()).toBe('123456');
  });

  spec('stops reading above the limit: the rest stays with the sender, and one error is reported', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1000, cb: log.cb }));
    const full = new Promise<void>((resolve) => {
      const flood = (): void => {
        while (far.writableLength < 8_000_000) far.write(Buffer.alloc(1_000_000));
        resolve();
      };
      far.on('drain', flood);
      flood();
    });
    await full;
    await log.waitFor('EINBUFLIMIT');
    // Many turns of the event loop, in which the sender could have sent everything.
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    expect(io.inBytes <= 2 * MAX_READ, `read ${io.inBytes} bytes`).toBe(true);
    expect(far.writableLength).toBeGreaterThan(0);
    expect(log.events).toStrictEqual(['EINBUFLIMIT']);
  });

  describe.each(['inside the callback', 'later'])('handled %s', (when) => {
    const EMPTY = Buffer.alloc(0);
    spec.each<[how: string, handle: (io: IOStream) => unknown]>([
      ['inBufLimit is raised', (io) => (io.inBufLimit = 1_000_000)],
      ['inBufLimit is 0', (io) => (io.inBufLimit = 0)],
      ['inBuf is set to no bytes', (io) => (io.inBuf = EMPTY)],
      ['read() empties inBuf', (io) => io.read()],
      ['IN is in waitFor', (io) => (io.waitFor = IN | EOF)],
    ])('resumes reading when %s, without loss', async (h, _how, handle) => {
      const { near, far } = await pair(h, transport);
      const taken: Buffer[] = [];
      const onLimit = (io: IOStream): void => {
        const before = io.inBuf;
        handle(io);
        taken.push(before.subarray(0, before.length - io.inBuf.length));
      };
      const log = new EventLog(h, (io, _mask, error) => {
        if (!error) return;
        if (when === 'later') setImmediate(onLimit, io);
        else onLimit(io);
      });
      const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: log.cb }));
      const payload = pattern(200_000);
      far.end(payload);
      await log.waitFor('EOF');
      h.sameBytes([...taken, io.inBuf], payload);
      expect(io.inBytes).toBe(payload.length);
    });
  });

  spec('reports nothing on an assignment, and EINBUFLIMIT again on each later read above the limit', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 3, cb: log.cb }));
    far.write('1234');
    await log.waitFor('EINBUFLIMIT');
    io.inBufLimit = 2;
    io.inBuf = 'still too long';
    io.waitFor = EOF;
    await new Promise(setImmediate);
    expect(log.count('EINBUFLIMIT')).toBe(1);
    far.write('5');
    await log.waitFor('EINBUFLIMIT', 2);
    expect(io.inBuf.toString()).toBe('still too long5');
  });

  spec('applies a limit that the callback raises: three errors, each with a tenfold limit after it, then EOF', async (h) => {
    const { near, far } = await pair(h, transport);
    let before = 0;
    const log = new EventLog(h, (io, _mask, error) => {
      if (!error) return;
      expect(io.inBytes).toBeGreaterThan(before);
      expect(io.inBuf.length).toBe(io.inBytes);
      expect(io.isEof).toBe(false);
      before = io.inBytes;
      io.inBufLimit = 10 * (io.inBufLimit ?? 0);
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1024, cb: log.cb }));
    far.end(Buffer.alloc(204_800, 'x'));
    await log.waitFor('EOF');
    expect(log.events).toStrictEqual(['EINBUFLIMIT', 'EINBUFLIMIT', 'EINBUFLIMIT', 'EOF']);
    expect(io.inBytes).toBe(204_800);
    h.sameBytes(io.inBuf, 'x'.repeat(204_800));
  });

  spec('means no limit when it is 0', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 0, cb: log.cb }));
    far.end(Buffer.alloc(2_000_000));
    await log.waitFor('EOF');
    expect(log.events).toStrictEqual(['EOF']);
    expect(io.inBuf.length).toBe(2_000_000);
  });

  spec('has no effect while IN is in waitFor', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, inBufLimit: 10, cb: log.cb }));
    far.end(Buffer.alloc(500_000));
    await log.waitFor('EOF');
    expect(log.summary).toBe('IN EOF');
    expect(io.inBuf.length).toBe(500_000);
  });
});
