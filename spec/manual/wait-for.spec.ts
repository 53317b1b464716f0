import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { deadPort, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

describe.each(TRANSPORTS)('waitFor over %s', (transport) => {
  spec('selects the events that are emitted', async (h) => {
    const place = await served(h, (socket) => socket.end('answer'), transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED | EOF, inBufLimit: 1024, outBuf: 'question', cb: log.cb }));
    await log.waitFor('EOF');
    expect(log.events).toStrictEqual(['CONNECTED', 'EOF']);
  });

  spec('removes other events from a mask: SENT without the OUT of the same tick', async (h) => {
    const { near } = await pair(h, transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: SENT, outBuf: 'x', cb: log.cb }));
    await log.waitFor('SENT');
    expect(log.events).toStrictEqual(['SENT']);
  });

  spec('may be changed at any time', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('1');
    await log.waitFor('IN');
    io.waitFor = EOF;
    io.inBufLimit = 10;
    far.write('2');
    await h.until(() => io.inBytes === 2, '2 bytes');
    io.waitFor = IN | EOF;
    far.end('3');
    await log.waitFor('EOF');
    expect(log.events).toStrictEqual(['IN', 'IN', 'EOF']);
    expect(io.inBuf.toString()).toBe('123');
  });

  spec('may be changed inside the callback, and applies from the next event on', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io) => {
      io.waitFor = io.waitFor === IN ? SENT | EOF : EOF;
      io.inBufLimit = 10;
      io.write('thanks');
    });
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('1');
    await log.waitFor('SENT');
    far.end('2');
    await log.waitFor('EOF');
    expect(log.events).toStrictEqual(['IN', 'SENT', 'EOF']);
  });

  spec('loses no byte when it is corrected after EREQINEOF, and again after EREQINBUFLIMIT', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io, _mask, error) => {
      if (error?.code === 'EREQINEOF') io.waitFor = EOF;
      if (error?.code === 'EREQINBUFLIMIT') io.waitFor = IN;
      if (error) far.write(String(log.events.length + 1));
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, cb: log.cb }));
    far.write('1');
    await log.waitFor('IN');
    expect(log.events).toStrictEqual(['EREQINEOF', 'EREQINBUFLIMIT', 'IN']);
    expect(io.inBuf.toString()).toBe('123');
    expect(io.inBytes).toBe(3);
    expect(io.state).toBe('open');
  });

  spec('reports EREQINEOF on each read if it has neither IN nor EOF', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, () => far.write('again'));
    watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, cb: log.cb }));
    far.write('x');
    await log.waitFor('EREQINEOF', 3);
    h.error(log.errors[0], { code: 'EREQINEOF', phase: 'read', fatal: false });
    expect(log.summary).toBe('EREQINEOF');
  });

  spec('reports EREQINBUFLIMIT on each read if it has EOF, but not IN, without a limit; EOF is still emitted', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, () => {
      if (!far.writableEnded) far.end('last');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, cb: log.cb }));
    far.write('first');
    await log.waitFor('EOF');
    h.error(log.errors[0], { code: 'EREQINBUFLIMIT', phase: 'read', fatal: false });
    expect(log.events).toStrictEqual(['EREQINBUFLIMIT', 'EREQINBUFLIMIT', 'EOF']);
    expect(io.inBuf.toString()).toBe('firstlast');
  });

  describe.each([
    ['EREQINEOF', OUT | SENT],
    ['EREQINBUFLIMIT', EOF],
  ])('an %s without a correction', (code, waitFor) => {
    const payload = pattern(3_000_000);

    spec.each<[how: string, correct: (io: IOStream) => unknown]>([
      ['waitFor has IN', (io) => (io.waitFor = IN)],
      ['waitFor has EOF, and there is a limit', (io) => Object.assign(io, { waitFor: EOF, inBufLimit: 0 })],
      ['data$ is subscribed', (io) => io.data$.subscribe()],
    ])('stops reading at highWaterMark until %s, without loss', async (h, _how, correct) => {
      const { near, far } = await pair(h, transport);
      const log = new EventLog(h);
      const io = watchedStream(h, new IOStream({ fh: near, waitFor, cb: log.cb, highWaterMark: 100_000 }));
      far.end(payload);
      await h.until(() => io.inBytes >= 100_000, 'highWaterMark');
      // Many turns of the event loop, in which the sender could have sent everything.
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      expect(io.inBytes < 100_000 + 65_536, `read ${io.inBytes} bytes`).toBe(true);
      expect(log.summary).toBe(code);
      expect(log.errors.length).toBeGreaterThan(1);
      const before = io.inBuf;
      h.sameBytes(before, payload.subarray(0, before.length));
      correct(io);
      await h.until(() => io.isEof, 'EOF');
      expect(io.inBytes).toBe(payload.length);
    });

    spec('stops reading at highWaterMark, and resumes when bytes are read', async (h) => {
      const { near, far } = await pair(h, transport);
      const log = new EventLog(h);
      const io = watchedStream(h, new IOStream({ fh: near, waitFor, cb: log.cb }));
      far.end(payload);
      const taken: Buffer[] = [];
      while (!io.isEof) {
        await h.until(() => io.inBuf.length >= 65_536 || io.isEof, 'highWaterMark, or EOF');
        expect(io.inBuf.length < 2 * 65_536, `holds ${io.inBuf.length} bytes`).toBe(true);
        taken.push(io.read());
      }
      h.sameBytes(taken, payload);
    });
  });

  spec('emits no event if it is 0, not even EOF', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, outBuf: 'hello', cb: log.cb }));
    far.resume().end();
    await h.until(() => io.isEof && io.outBytes === 5, 'EOF and OUT');
    expect(log.events).toStrictEqual([]);
  });
});

describe('waitFor and errors', () => {
  spec('errors are reported for any mask', async (h) => {
    for (const waitFor of [0, RESOLVED | SENT]) {
      const log = new EventLog(h);
      watchedStream(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor, cb: log.cb }));
      await log.waitFor('ECONNREFUSED');
      expect(log.events.at(-1)).toBe('ECONNREFUSED');
      expect(log.count('RESOLVED')).toBe(waitFor & RESOLVED);
    }
  });

  spec('an error that is not fatal leaves the stream open, and later events are emitted', async (h) => {
    const { near, far } = await pair(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: log.cb }));
    io.end();
    far.resume().write('x');
    await log.waitFor('IN');
    io.write('refused');
    await log.waitFor('ECLOSED');
    expect(log.events).toStrictEqual(['IN', 'ECLOSED']);
    far.end('more');
    await log.waitFor('EOF');
    expect(log.summary).toBe('IN ECLOSED IN EOF');
  });
});
