import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { pair, pattern, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

/** What Node reads at once, at the most. */
const READ = 65_536;

describe.each(TRANSPORTS)('inBuf over %s', (transport) => {
  spec('keeps what was read until the user takes it, in whole or in part', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    expect(io.inBuf.length).toBe(0);
    far.write('abcdef');
    await told.waitFor('IN');
    expect(io.read(2).toString()).toBe('ab');
    expect(io.inBuf.toString()).toBe('cdef');
    io.inBuf = io.inBuf.subarray(1);
    far.write('gh');
    await told.waitFor('IN', 2);
    expect(io.inBuf.toString()).toBe('defgh');
    expect(io.read().toString()).toBe('defgh');
    expect(io.read().length).toBe(0);
    expect(io.inBytes).toBe(8);
  });

  spec('is assigned text or bytes, and the next read is added', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    io.inBuf = 'größe';
    far.write('!');
    await told.waitFor('IN');
    expect(io.inBuf.toString()).toBe('größe!');
    io.inBuf = new Uint8Array([65]);
    expect(io.inBuf.toString()).toBe('A');
    expect(() => (io.inBuf = 5 as never)).toThrow(TypeError);
    expect(io.inBuf.toString()).toBe('A');
  });

  spec('a look at it stays as it was: later reads do not change it', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('before');
    await told.waitFor('IN');
    const look = io.inBuf;
    io.inBuf = '';
    far.write('behind');
    await told.waitFor('IN', 2);
    expect(look.toString()).toBe('before');
    expect(io.inBuf.toString()).toBe('behind');
  });

  spec('`inBytes` counts on from what the user sets it to', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io) => (io.inBytes = 0));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('12345');
    await told.waitFor('IN');
    expect(io.inBytes).toBe(0);
    io.inBytes = 100;
    io.cb = undefined;
    far.write('678');
    await h.until(() => io.inBytes === 103, 'inBytes of 103');
  });
});

describe.each(TRANSPORTS)('inBufLimit over %s', (transport) => {
  spec('EINBUFLIMIT comes above the limit, not at it', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 5, cb: told.cb }));
    far.write('12345');
    await h.until(() => io.inBytes === 5, '5 bytes');
    expect(told.events).toStrictEqual([]);
    far.write('6');
    await told.waitFor('EINBUFLIMIT');
    h.error(told.errors[0], { code: 'EINBUFLIMIT', phase: 'read', fatal: false });
    expect(told.errors[0]?.errno).toBe(-10100);
    expect(io.inBuf.toString()).toBe('123456');
  });

  spec('reading stops then: a flood stays with its sender, and one error is told', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1000, cb: told.cb }));
    const full = new Promise<void>((resolve) => {
      const flood = (): void => {
        while (far.writableLength < 8_000_000) far.write(Buffer.alloc(1_000_000));
        resolve();
      };
      far.on('drain', flood);
      flood();
    });
    await full;
    await told.waitFor('EINBUFLIMIT');
    // A round trip of the event loop, many times: the sender could have got rid of all.
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    expect(io.inBytes <= 2 * READ, `read ${io.inBytes} bytes`).toBe(true);
    expect(far.writableLength).toBeGreaterThan(0);
    expect(told.events).toStrictEqual(['EINBUFLIMIT']);
  });

  describe.each(['inside the callback', 'later'])('answered %s', (when) => {
    const NOTHING = Buffer.alloc(0);
    spec.each<[how: string, answer: (io: IOStream) => unknown]>([
      ['inBufLimit is raised', (io) => (io.inBufLimit = 1_000_000)],
      ['inBufLimit is 0', (io) => (io.inBufLimit = 0)],
      ['inBuf is drained', (io) => (io.inBuf = NOTHING)],
      ['read() takes it', (io) => io.read()],
      ['IN is waited for', (io) => (io.waitFor = IN | EOF)],
    ])('reading goes on when %s; nothing is lost', async (h, _how, answer) => {
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
      const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: told.cb }));
      const given = pattern(200_000);
      far.end(given);
      await told.waitFor('EOF');
      h.sameBytes([...taken, io.inBuf], given);
      expect(io.inBytes).toBe(given.length);
    });
  });

  spec('assigning alone raises nothing; each later read that leaves it over the limit raises it again', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 3, cb: told.cb }));
    far.write('1234');
    await told.waitFor('EINBUFLIMIT');
    io.inBufLimit = 2;
    io.inBuf = 'still too long';
    io.waitFor = EOF;
    await new Promise(setImmediate);
    expect(told.count('EINBUFLIMIT')).toBe(1);
    far.write('5');
    await told.waitFor('EINBUFLIMIT', 2);
    expect(io.inBuf.toString()).toBe('still too long5');
  });

  spec('the answer given by the end of the callback counts: three errors, each answered by a tenfold limit, then EOF', async (h) => {
    const { near, far } = await pair(h, transport);
    let before = 0;
    const told = new EventLog(h, (io, _mask, error) => {
      if (!error) return;
      expect(io.inBytes).toBeGreaterThan(before);
      expect(io.inBuf.length).toBe(io.inBytes);
      expect(io.isEof).toBe(false);
      before = io.inBytes;
      io.inBufLimit = 10 * (io.inBufLimit ?? 0);
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 1024, cb: told.cb }));
    far.end(Buffer.alloc(204_800, 'x'));
    await told.waitFor('EOF');
    expect(told.events).toStrictEqual(['EINBUFLIMIT', 'EINBUFLIMIT', 'EINBUFLIMIT', 'EOF']);
    expect(io.inBytes).toBe(204_800);
    h.sameBytes(io.inBuf, 'x'.repeat(204_800));
  });

  spec('0 is no limit', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 0, cb: told.cb }));
    far.end(Buffer.alloc(2_000_000));
    await told.waitFor('EOF');
    expect(told.events).toStrictEqual(['EOF']);
    expect(io.inBuf.length).toBe(2_000_000);
  });

  spec('does not count while IN is wanted', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, inBufLimit: 10, cb: told.cb }));
    far.end(Buffer.alloc(500_000));
    await told.waitFor('EOF');
    expect(told.summary).toBe('IN EOF');
    expect(io.inBuf.length).toBe(500_000);
  });
});
