import { once } from 'node:events';
import { CONNECTED, EOF, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pair, pattern, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

describe.each(TRANSPORTS)('close() over %s', (transport) => {
  spec('ends the stream: what was queued leaves, nothing more is told, the handle is freed', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
    io.write('good');
    io.write('bye');
    io.close();
    expect(io.state).toBe('closing');
    far.write('too late');
    expect((await allOf(far)).toString()).toBe('goodbye');
    far.end();
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('us');
    expect(report.bytesOut).toBe(7);
    expect(report.unsent).toBe(0);
    expect(io.state).toBe('closed');
    expect(near.destroyed).toBe(true);
    expect(told.events).toStrictEqual([]);
  });

  spec('twice is the same as once', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'once', cb: told.cb }));
    io.close();
    io.close();
    expect((await allOf(far)).toString()).toBe('once');
    far.end();
    await firstValueFrom(io.closed$);
    io.close();
    expect(io.state).toBe('closed');
    expect(told.events).toStrictEqual([]);
  });

  spec('in the tick of `new`: nothing is told, and `outBuf` of an fh leaves', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'hello and goodbye', cb: told.cb })).close();
    expect((await allOf(far)).toString()).toBe('hello and goodbye');
    expect(told.events).toStrictEqual([]);
  });

  spec('before the connection is there gives it up', async (h) => {
    const place = await served(h, () => {}, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'never', cb: told.cb }));
    io.close();
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('us');
    expect(report.unsent).toBe(5);
    expect(report.connectedAt).toBe(undefined);
    expect(told.events).toStrictEqual([]);
  });

  spec.each(['CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'])(
    'from inside %s: it is the last that is told, and what was queued leaves',
    async (h, event) => {
      let received: Promise<Buffer> | undefined;
      const place = await served(
        h,
        (socket) => {
          received = allOf(socket);
          socket.write('hello');
          socket.once('data', () => socket.end('bye'));
        },
        transport,
      );
      const told = new EventLog(h, (io) => {
        if (!told.events.at(-1)?.split('|').includes(event)) return;
        io.write('!');
        io.close();
      });
      const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'question', cb: told.cb }));
      await told.waitFor(event);
      const report = await firstValueFrom(io.closed$);
      expect(report.by).toBe('us');
      expect(report.unsent).toBe(0);
      expect(told.events.at(-1)?.split('|').includes(event)).toBe(true);
      expect((await received)?.toString()).toBe('question!');
    },
  );

  spec('from inside an error that is not fatal', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, cb: told.cb }));
    far.write('1');
    far.write('2');
    await told.waitFor('EREQINEOF');
    far.end('3');
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    expect(told.events).toStrictEqual(['EREQINEOF']);
  });

  spec('with unread input: the peer gets everything that was written', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT }));
    io.pause();
    far.write(Buffer.alloc(1_000_000, 'i'));
    const given = pattern(4_000_000);
    io.write(given);
    io.close();
    const received = await allOf(far);
    h.sameBytes(received, given);
    far.end();
    const report = await firstValueFrom(io.closed$);
    expect(report.unsent).toBe(0);
    expect(report.error).toBe(undefined);
  });

  spec('with unread input and on SENT, as the manual says: the peer gets everything', async (h) => {
    const { near, far } = await pair(h, transport);
    const given = Buffer.alloc(4_000_000, 'o');
    const told = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.close();
    });
    far.write(Buffer.alloc(1_000_000, 'i'));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 10, outBuf: given, cb: told.cb }));
    const received = allOf(far);
    h.sameBytes(await received, given);
    far.end();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
  });

  spec('a peer that does not end is waited for no longer than `timeouts.close`', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, timeouts: { close: 50 }, outBuf: 'x' }));
    io.close();
    expect((await allOf(far)).toString()).toBe('x');
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('us');
    expect(report.unsent).toBe(0);
  });

  spec('after a fatal error does nothing', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: told.cb }));
    near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }));
    await told.waitFor('ECONNRESET');
    io.close();
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(told.events).toStrictEqual(['ECONNRESET']);
    far.destroy();
  });
});

describe('close() while connecting', () => {
  spec('from inside RESOLVED: no connection is told of', async (h) => {
    const place = await served(h);
    const told = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, cb: told.cb }));
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    expect(told.events).toStrictEqual(['RESOLVED']);
  });

  spec('from inside the error that ended it', async (h) => {
    const told = new EventLog(h, (io, _mask, error) => {
      if (error) io.close();
    });
    const io = watchedStream(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor: ALL, cb: told.cb }));
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(told.events).toStrictEqual(['RESOLVED', 'ECONNREFUSED']);
  });

  spec('both directions ended close by themselves: by the peer, if it ended first', async (h) => {
    const { near, far } = await pair(h);
    const told = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.end('done');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: told.cb }));
    far.end();
    await once(far.resume(), 'end');
    expect((await firstValueFrom(io.closed$)).by).toBe('peer');
  });
});
