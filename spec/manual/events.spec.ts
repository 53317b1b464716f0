import { once } from 'node:events';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, passthrough, RESOLVED, SENT, transform, type Plugin } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Passes on whole blocks only. Buffers the rest until more bytes or the end arrive. */
function blocks(size: number): Plugin {
  return transform({
    down: () => {
      let buffered = Buffer.alloc(0);
      return {
        push(bytes) {
          const all = Buffer.concat([buffered, bytes]);
          const whole = all.length - (all.length % size);
          buffered = all.subarray(whole);
          return whole > 0 ? [all.subarray(0, whole)] : [];
        },
        finish: () => (buffered.length > 0 ? [buffered] : []),
        held: () => buffered.length,
      };
    },
  });
}

describe('RESOLVED', () => {
  spec('is emitted when the name is resolved, before CONNECTED, with `ip` set', async (h) => {
    const place = await served(h);
    const ips: (string | undefined)[] = [];
    const log = new EventLog(h, (io) => ips.push(io.ip));
    const io = watchedStream(h, new IOStream({ ...place, host: 'localhost', family: 4, waitFor: RESOLVED | CONNECTED, cb: log.cb }));
    expect(io.ip).toBe(undefined);
    await log.waitFor('CONNECTED');
    expect(log.events).toStrictEqual(['RESOLVED', 'CONNECTED']);
    expect(ips).toStrictEqual(['127.0.0.1', '127.0.0.1']);
  });

  spec('is emitted for an address, too, after the tick of `new`', async (h) => {
    const place = await served(h);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: RESOLVED, cb: log.cb }));
    expect(log.events).toStrictEqual([]);
    await log.waitFor('RESOLVED');
  });

  spec('sets `ip` even if it is not in `waitFor`', async (h) => {
    const place = await served(h);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED, cb: log.cb }));
    await log.waitFor('CONNECTED');
    expect(io.ip).toBe('127.0.0.1');
  });

  spec('is not emitted for a path', async (h) => {
    const place = await served(h, () => {}, 'UNIX');
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, cb: log.cb }));
    await log.waitFor('CONNECTED');
    expect(log.events).toStrictEqual(['CONNECTED']);
    expect(io.ip).toBe(undefined);
  });
});

describe.each(TRANSPORTS)('CONNECTED over %s', (transport) => {
  spec('is emitted once, before any other event of the connection', async (h) => {
    const place = await served(h, (socket) => socket.end('hello'), transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: ALL & ~RESOLVED, outBuf: 'hi', cb: log.cb }));
    await log.waitFor('EOF');
    expect(log.events[0]).toBe('CONNECTED');
    expect(log.count('CONNECTED')).toBe(1);
  });

  spec('is not emitted for an fh without plugins', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: log.cb }));
    far.write('hello');
    await log.waitFor('IN');
    expect(log.events).toStrictEqual(['IN']);
  });

  spec('is emitted for an fh with plugins', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, plugin: { noop: passthrough() }, cb: log.cb }));
    far.write('hello');
    await log.waitFor('IN');
    expect(log.events).toStrictEqual(['CONNECTED', 'IN']);
  });
});

describe.each(TRANSPORTS)('IN and EOF over %s', (transport) => {
  spec('IN is emitted after each read, with the bytes in `inBuf` and their number in `inBytes`', async (h) => {
    const { near, far } = await pair(h, transport);
    const snapshots: [string, number][] = [];
    const log = new EventLog(h, (io) => snapshots.push([io.inBuf.toString(), io.inBytes]));
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.write('one');
    await log.waitFor('IN');
    far.write('two');
    await log.waitFor('IN', 2);
    expect(snapshots).toStrictEqual([
      ['one', 3],
      ['onetwo', 6],
    ]);
  });

  spec('EOF is emitted once after all bytes and sets `isEof`; the stream stays writable', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.write('still here');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF | SENT, cb: log.cb }));
    expect(io.isEof).toBe(false);
    far.end('last words');
    await log.waitFor('SENT');
    expect(io.inBuf.toString()).toBe('last words');
    expect(io.isEof).toBe(true);
    io.end();
    expect((await allOf(far)).toString()).toBe('still here');
    expect(log.events).toStrictEqual(['IN', 'EOF', 'SENT']);
  });

  spec('`isEof` is set even if EOF is not in `waitFor`', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: log.cb }));
    far.end('x');
    await h.until(() => io.isEof, 'isEof');
    expect(log.events).toStrictEqual(['IN']);
  });
});

describe.each(TRANSPORTS)('OUT and SENT over %s', (transport) => {
  spec('OUT is emitted when bytes of `outBuf` are written and counted, SENT when all are sent', async (h) => {
    const { near, far } = await pair(h, transport);
    const snapshots: unknown[] = [];
    const log = new EventLog(h, (io, mask) => snapshots.push([eventNames(mask).includes('OUT'), io.outBuf.length, io.outBytes]));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'hello', cb: log.cb }));
    expect(io.outBuf.toString()).toBe('hello');
    await log.waitFor('SENT');
    expect(snapshots[0]).toStrictEqual([true, 0, 5]);
    expect(log.count('OUT')).toBe(1);
    expect(log.count('SENT')).toBe(1);
    io.end();
    expect((await allOf(far)).toString()).toBe('hello');
  });

  spec('a large `outBuf` causes several OUTs and one SENT', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: Buffer.alloc(16_000_000, 'x'), cb: log.cb }));
    const reading = allOf(far);
    await log.waitFor('SENT');
    expect(log.count('OUT')).toBeGreaterThan(1);
    expect(log.count('SENT')).toBe(1);
    expect(log.events.at(-1)?.endsWith('SENT')).toBe(true);
    expect(io.outBytes).toBe(16_000_000);
    io.end();
    expect((await reading).length).toBe(16_000_000);
  });

  spec('OUT is emitted when a plugin accepts the bytes, SENT only when they are sent', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({ fh: near, waitFor: IN | OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '12345', cb: log.cb }),
    );
    await log.waitFor('OUT');
    expect(io.outBuf.length).toBe(0);
    far.write('?');
    await log.waitFor('IN');
    expect(log.summary).toBe('OUT IN');
    io.write('678');
    await log.waitFor('SENT');
    expect(log.count('OUT')).toBe(2);
    const [received] = (await once(far, 'data')) as [Buffer];
    expect(received.toString()).toBe('12345678');
  });

  spec('SENT is emitted for bytes that a plugin buffers until our end flushes them', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '123', cb: log.cb }));
    await log.waitFor('OUT');
    io.end();
    await log.waitFor('SENT');
    expect((await allOf(far)).toString()).toBe('123');
  });

  spec('neither is emitted for an empty write', async (h) => {
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: log.cb }));
    io.write();
    io.write('');
    far.write('?');
    await log.waitFor('IN');
    expect(log.events).toStrictEqual(['IN']);
  });
});
