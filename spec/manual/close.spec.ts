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
  spec('sends the queued bytes, emits no more events, and frees the handle', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: log.cb }));
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
    expect(log.events).toStrictEqual([]);
  });

  spec('has no further effect when it is called again', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'once', cb: log.cb }));
    io.close();
    io.close();
    expect((await allOf(far)).toString()).toBe('once');
    far.end();
    await firstValueFrom(io.closed$);
    io.close();
    expect(io.state).toBe('closed');
    expect(log.events).toStrictEqual([]);
  });

  spec('emits no event in the tick of `new`, and sends the `outBuf` of an fh', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, outBuf: 'hello and goodbye', cb: log.cb })).close();
    expect((await allOf(far)).toString()).toBe('hello and goodbye');
    expect(log.events).toStrictEqual([]);
  });

  spec('cancels a connection attempt, and reports the unsent bytes', async (h) => {
    const place = await served(h, () => {}, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'never', cb: log.cb }));
    io.close();
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('us');
    expect(report.unsent).toBe(5);
    expect(report.connectedAt).toBe(undefined);
    expect(log.events).toStrictEqual([]);
  });

  spec.each(['CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'])(
    'makes %s the last event when it is called inside it, and sends the queued bytes',
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
      const log = new EventLog(h, (io) => {
        if (!log.events.at(-1)?.split('|').includes(event)) return;
        io.write('!');
        io.close();
      });
      const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, outBuf: 'question', cb: log.cb }));
      await log.waitFor(event);
      const report = await firstValueFrom(io.closed$);
      expect(report.by).toBe('us');
      expect(report.unsent).toBe(0);
      expect(log.events.at(-1)?.split('|').includes(event)).toBe(true);
      expect((await received)?.toString()).toBe('question!');
    },
  );

  spec('makes an error that is not fatal the last report when it is called inside it', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: 0, cb: log.cb }));
    far.write('1');
    far.write('2');
    await log.waitFor('EREQINEOF');
    far.end('3');
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    expect(log.events).toStrictEqual(['EREQINEOF']);
  });

  spec('delivers all written bytes to the peer although input is unread', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT }));
    io.pause();
    far.write(Buffer.alloc(1_000_000, 'i'));
    const payload = pattern(4_000_000);
    io.write(payload);
    io.close();
    const received = await allOf(far);
    h.sameBytes(received, payload);
    far.end();
    const report = await firstValueFrom(io.closed$);
    expect(report.unsent).toBe(0);
    expect(report.error).toBe(undefined);
  });

  spec('delivers all written bytes when it is called on SENT although input is unread', async (h) => {
    const { near, far } = await pair(h, transport);
    const payload = Buffer.alloc(4_000_000, 'o');
    const log = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.close();
    });
    far.write(Buffer.alloc(1_000_000, 'i'));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF | SENT, inBufLimit: 10, outBuf: payload, cb: log.cb }));
    const received = allOf(far);
    h.sameBytes(await received, payload);
    far.end();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
  });

  spec('waits for the end of the peer for at most `timeouts.close` ms', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT, timeouts: { close: 50 }, outBuf: 'x' }));
    io.close();
    expect((await allOf(far)).toString()).toBe('x');
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('us');
    expect(report.unsent).toBe(0);
  });

  spec('does nothing after a fatal error', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: log.cb }));
    near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }));
    await log.waitFor('ECONNRESET');
    io.close();
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(log.events).toStrictEqual(['ECONNRESET']);
    far.destroy();
  });
});

describe('close() while connecting', () => {
  spec('reports no connection when it is called inside RESOLVED', async (h) => {
    const place = await served(h);
    const log = new EventLog(h, (io) => io.close());
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, cb: log.cb }));
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    expect(log.events).toStrictEqual(['RESOLVED']);
  });

  spec('does nothing inside the error of the connection attempt', async (h) => {
    const log = new EventLog(h, (io, _mask, error) => {
      if (error) io.close();
    });
    const io = watchedStream(h, new IOStream({ host: '127.0.0.1', port: await deadPort(), waitFor: ALL, cb: log.cb }));
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(log.events).toStrictEqual(['RESOLVED', 'ECONNREFUSED']);
  });
});

describe('a stream whose two directions have ended', () => {
  spec('closes by itself, and reports `by: peer` if the peer ended first', async (h) => {
    const { near, far } = await pair(h);
    const log = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.end('done');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: log.cb }));
    far.end();
    await once(far.resume(), 'end');
    expect((await firstValueFrom(io.closed$)).by).toBe('peer');
  });
});
