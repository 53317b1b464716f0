import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

describe.each(TRANSPORTS)('waitFor over %s', (transport) => {
  spec('picks the events that are told', async (h) => {
    const place = await served(h, (socket) => socket.end('answer'), transport);
    const told = new EventLog(h);
    kept(h, new IOStream({ ...place, waitFor: CONNECTED | EOF, inBufLimit: 1024, outBuf: 'question', cb: told.cb }));
    await told.saw('EOF');
    expect(told.story).toStrictEqual(['CONNECTED', 'EOF']);
  });

  spec('takes out of a mask what is not wanted: SENT without the OUT it came with', async (h) => {
    const { near } = await pair(h, transport);
    const told = new EventLog(h);
    kept(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'x', cb: told.cb }));
    await told.saw('SENT');
    expect(told.story).toStrictEqual(['SENT']);
  });

  spec('is changed from outside, at any time', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('1');
    await told.saw('IN');
    io.waitFor = EOF;
    io.inBufLimit = 10;
    far.write('2');
    await h.until(() => io.inBytes === 2, '2 bytes');
    io.waitFor = IN | EOF;
    far.end('3');
    await told.saw('EOF');
    expect(told.story).toStrictEqual(['IN', 'IN', 'EOF']);
    expect(io.inBuf.toString()).toBe('123');
  });

  spec('is changed inside the callback, from the next event on', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io) => {
      io.waitFor = io.waitFor === IN ? SENT | EOF : EOF;
      io.inBufLimit = 10;
      io.write('thanks');
    });
    kept(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('1');
    await told.saw('SENT');
    far.end('2');
    await told.saw('EOF');
    expect(told.story).toStrictEqual(['IN', 'SENT', 'EOF']);
  });

  spec('EREQINEOF, then EREQINBUFLIMIT, then IN: one stream, and no byte is lost', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io, _mask, error) => {
      if (error?.code === 'EREQINEOF') io.waitFor = EOF;
      if (error?.code === 'EREQINBUFLIMIT') io.waitFor = IN;
      if (error) far.write(String(told.story.length + 1));
    });
    const io = kept(h, new IOStream({ fh: near, waitFor: 0, cb: told.cb }));
    far.write('1');
    await told.saw('IN');
    expect(told.story).toStrictEqual(['EREQINEOF', 'EREQINBUFLIMIT', 'IN']);
    expect(io.inBuf.toString()).toBe('123');
    expect(io.inBytes).toBe(3);
    expect(io.state).toBe('open');
  });

  spec('with neither IN nor EOF each read raises EREQINEOF', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, () => far.write('again'));
    kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: told.cb }));
    far.write('x');
    await told.saw('EREQINEOF', 3);
    h.error(told.errors[0], { code: 'EREQINEOF', phase: 'read', fatal: false });
    expect(told.gist).toBe('EREQINEOF');
  });

  spec('with EOF without IN and no limit each read raises EREQINBUFLIMIT, and the EOF still comes', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, () => {
      if (!far.writableEnded) far.end('last');
    });
    const io = kept(h, new IOStream({ fh: near, waitFor: EOF, cb: told.cb }));
    far.write('first');
    await told.saw('EOF');
    h.error(told.errors[0], { code: 'EREQINBUFLIMIT', phase: 'read', fatal: false });
    expect(told.story).toStrictEqual(['EREQINBUFLIMIT', 'EREQINBUFLIMIT', 'EOF']);
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
      const io = kept(h, new IOStream({ fh: near, waitFor, cb: told.cb, highWaterMark: 100_000 }));
      far.end(given);
      await h.until(() => io.inBytes >= 100_000, 'highWaterMark');
      // A round trip of the event loop, many times: the sender could have got rid of all.
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      expect(io.inBytes < 100_000 + 65_536, `read ${io.inBytes} bytes`).toBe(true);
      expect(told.gist).toBe(code);
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
      const io = kept(h, new IOStream({ fh: near, waitFor, cb: told.cb }));
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
    const io = kept(h, new IOStream({ fh: near, waitFor: 0, outBuf: 'hello', cb: told.cb }));
    far.resume().end();
    await h.until(() => io.isEof && io.outBytes === 5, 'EOF and OUT');
    expect(told.story).toStrictEqual([]);
  });
});

describe('waitFor and errors', () => {
  spec('errors are told whatever the mask', async (h) => {
    for (const waitFor of [0, RESOLVED | SENT]) {
      const told = new EventLog(h);
      kept(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor, cb: told.cb }));
      await told.saw('ECONNREFUSED');
      expect(told.story.at(-1)).toBe('ECONNREFUSED');
      expect(told.count('RESOLVED')).toBe(waitFor & RESOLVED);
    }
  });

  spec('an error that is not fatal leaves the stream open: the next events come', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h);
    const io = kept(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
    io.end();
    far.resume().write('x');
    await told.saw('IN');
    io.write('refused');
    await told.saw('ECLOSED');
    expect(told.story).toStrictEqual(['IN', 'ECLOSED']);
    far.end('more');
    await told.saw('EOF');
    expect(told.gist).toBe('IN ECLOSED IN EOF');
  });
});
