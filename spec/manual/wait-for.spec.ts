import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

describe.each(TRANSPORTS)('waitFor over %s', (transport) => {
  spec('picks the events that are told', async (h) => {
    const place = await served(h, (socket) => socket.end('answer'), transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | EOF, inBufLimit: 1024, outBuf: 'question', cb: told.cb }));
    await told.waitFor('EOF');
    expect(told.events).toStrictEqual(['CONNECTED', 'EOF']);
  });

  spec('takes out of a mask what is not wanted: SENT without the OUT it came with', async (h) => {
    const { near } = await pair(h, transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'x', cb: told.cb }));
    await told.waitFor('SENT');
    expect(told.events).toStrictEqual(['SENT']);
  });

  spec('is changed from outside, at any time', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('1');
    await told.waitFor('IN');
    io.waitFor = EOF;
    io.inBufLimit = 10;
    far.write('2');
    await h.until(() => io.inBytes === 2, '2 bytes');
    io.waitFor = IN | EOF;
    far.end('3');
    await told.waitFor('EOF');
    expect(told.events).toStrictEqual(['IN', 'IN', 'EOF']);
    expect(io.inBuf.toString()).toBe('123');
  });

  spec('is changed inside the callback, from the next event on', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io) => {
      io.waitFor = io.waitFor === IN ? SENT | EOF : EOF;
      io.inBufLimit = 10;
      io.write('thanks');
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('1');
    await told.waitFor('SENT');
    far.end('2');
    await told.waitFor('EOF');
    expect(told.events).toStrictEqual(['IN', 'SENT', 'EOF']);
  });

  spec('EREQINEOF, then EREQINBUFLIMIT, then IN: one stream, and no byte is lost', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io, _mask, error) => {
      if (error?.code === 'EREQINEOF') io.waitFor = EOF;
      if (error?.code === 'EREQINBUFLIMIT') io.waitFor = IN;
      if (error) far.write(String(told.events.length + 1));
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, cb: told.cb }));
    far.write('1');
    await told.waitFor('IN');
    expect(told.events).toStrictEqual(['EREQINEOF', 'EREQINBUFLIMIT', 'IN']);
    expect(io.inBuf.toString()).toBe('123');
    expect(io.inBytes).toBe(3);
    expect(io.state).toBe('open');
  });

  spec('with neither IN nor EOF each read raises EREQINEOF', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, () => far.write('again'));
    watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
    far.write('x');
    await told.waitFor('EREQINEOF', 3);
    h.error(told.errors[0], { code: 'EREQINEOF', phase: 'read', fatal: false });
    expect(told.summary).toBe('EREQINEOF');
  });

  spec('with EOF without IN and no limit each read raises EREQINBUFLIMIT, and the EOF still comes', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, () => {
      if (!far.writableEnded) far.end('last');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, cb: told.cb }));
    far.write('first');
    await told.waitFor('EOF');
    h.error(told.errors[0], { code: 'EREQINBUFLIMIT', phase: 'read', fatal: false });
    expect(told.events).toStrictEqual(['EREQINBUFLIMIT', 'EREQINBUFLIMIT', 'EOF']);
    expect(io.inBuf.toString()).toBe('firstlast');
  });

  describe.each([
    ['EREQINEOF', OUT | SENT],
    ['EREQINBUFLIMIT', EOF],
  ])('%s that is not answered', (code, waitFor) => {
    const given = pattern(3_000_000);

    spec.each<[how: string, answer: (io: IOStream) => unknown]>([
      ['waitFor has IN', (io) => (io.waitFor = IN)],
      ['waitFor has EOF, and there is a limit', (io) => Object.assign(io, { waitFor: EOF, inBufLimit: 0 })],
      ['data$ is subscribed', (io) => io.data$.subscribe()],
    ])('stops reading at highWaterMark, until %s; nothing is lost', async (h, _how, answer) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = watchedStream(h, new IOStream({ fh: near, waitFor, cb: told.cb, highWaterMark: 100_000 }));
      far.end(given);
      await h.until(() => io.inBytes >= 100_000, 'highWaterMark');
      // A round trip of the event loop, many times: the sender could have got rid of all.
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      expect(io.inBytes < 100_000 + 65_536, `read ${io.inBytes} bytes`).toBe(true);
      expect(told.summary).toBe(code);
      expect(told.errors.length).toBeGreaterThan(1);
      const before = io.inBuf;
      h.sameBytes(before, given.subarray(0, before.length));
      answer(io);
      await h.until(() => io.isEof, 'EOF');
      expect(io.inBytes).toBe(given.length);
    });

    spec('stops reading at highWaterMark, and goes on as far when bytes are taken', async (h) => {
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = watchedStream(h, new IOStream({ fh: near, waitFor, cb: told.cb }));
      far.end(given);
      const taken: Buffer[] = [];
      while (!io.isEof) {
        await h.until(() => io.inBuf.length >= 65_536 || io.isEof, 'highWaterMark, or EOF');
        expect(io.inBuf.length < 2 * 65_536, `holds ${io.inBuf.length} bytes`).toBe(true);
        taken.push(io.read());
      }
      h.sameBytes(taken, given);
    });
  });

  spec('0 tells no event: an EOF without a byte is not heard of', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, outBuf: 'hello', cb: told.cb }));
    far.resume().end();
    await h.until(() => io.isEof && io.outBytes === 5, 'EOF and OUT');
    expect(told.events).toStrictEqual([]);
  });
});

describe('waitFor and errors', () => {
  spec('errors are told whatever the mask', async (h) => {
    for (const waitFor of [0, RESOLVED | SENT]) {
      const told = new EventLog(h);
      watchedStream(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor, cb: told.cb }));
      await told.waitFor('ECONNREFUSED');
      expect(told.events.at(-1)).toBe('ECONNREFUSED');
      expect(told.count('RESOLVED')).toBe(waitFor & RESOLVED);
    }
  });

  spec('an error that is not fatal leaves the stream open: the next events come', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
    io.end();
    far.resume().write('x');
    await told.waitFor('IN');
    io.write('refused');
    await told.waitFor('ECLOSED');
    expect(told.events).toStrictEqual(['IN', 'ECLOSED']);
    far.end('more');
    await told.waitFor('EOF');
    expect(told.summary).toBe('IN ECLOSED IN EOF');
  });
});
