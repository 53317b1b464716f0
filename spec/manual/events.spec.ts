import { once } from 'node:events';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, passthrough, RESOLVED, SENT, transform, type Plugin } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Gives on whole blocks only: the rest waits inside for more, or for the end. */
function blocks(size: number): Plugin {
  return transform({
    down: () => {
      let inside = Buffer.alloc(0);
      return {
        push(bytes) {
          const all = Buffer.concat([inside, bytes]);
          const whole = all.length - (all.length % size);
          inside = all.subarray(whole);
          return whole > 0 ? [all.subarray(0, whole)] : [];
        },
        finish: () => (inside.length > 0 ? [inside] : []),
        held: () => inside.length,
      };
    },
  });
}

describe('RESOLVED', () => {
  spec('comes when the name is resolved, before CONNECTED, with `ip` set', async (h) => {
    const place = await served(h);
    const ips: (string | undefined)[] = [];
    const told = new EventLog(h, (io) => ips.push(io.ip));
    const io = watchedStream(h, new IOStream({ ...place, host: 'localhost', family: 4, waitFor: RESOLVED | CONNECTED, cb: told.cb }));
    expect(io.ip).toBe(undefined);
    await told.waitFor('CONNECTED');
    expect(told.events).toStrictEqual(['RESOLVED', 'CONNECTED']);
    expect(ips).toStrictEqual(['127.0.0.1', '127.0.0.1']);
  });

  spec('comes for an address too, when the tick of `new` is over', async (h) => {
    const place = await served(h);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: RESOLVED, cb: told.cb }));
    expect(told.events).toStrictEqual([]);
    await told.waitFor('RESOLVED');
  });

  spec('sets `ip` also when nobody waits for it', async (h) => {
    const place = await served(h);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: CONNECTED, cb: told.cb }));
    await told.waitFor('CONNECTED');
    expect(io.ip).toBe('127.0.0.1');
  });

  spec('does not come for a path', async (h) => {
    const place = await served(h, () => {}, 'UNIX');
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: ALL, cb: told.cb }));
    await told.waitFor('CONNECTED');
    expect(told.events).toStrictEqual(['CONNECTED']);
    expect(io.ip).toBe(undefined);
  });
});

describe.each(TRANSPORTS)('CONNECTED over %s', (transport) => {
  spec('comes once, before any other event of the connection', async (h) => {
    const place = await served(h, (socket) => socket.end('hello'), transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ ...place, waitFor: ALL & ~RESOLVED, outBuf: 'hi', cb: told.cb }));
    await told.waitFor('EOF');
    expect(told.events[0]).toBe('CONNECTED');
    expect(told.count('CONNECTED')).toBe(1);
  });

  spec('does not come for a bare fh', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
    far.write('hello');
    await told.waitFor('IN');
    expect(told.events).toStrictEqual(['IN']);
  });

  spec('comes for an fh with plugins', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    watchedStream(h, new IOStream({ fh: near, waitFor: ALL, plugin: { noop: passthrough() }, cb: told.cb }));
    far.write('hello');
    await told.waitFor('IN');
    expect(told.events).toStrictEqual(['CONNECTED', 'IN']);
  });
});

describe.each(TRANSPORTS)('IN and EOF over %s', (transport) => {
  spec('IN comes after each read, with the bytes in `inBuf` and their number in `inBytes`', async (h) => {
    const { near, far } = await pair(h, transport);
    const looks: [string, number][] = [];
    const told = new EventLog(h, (io) => looks.push([io.inBuf.toString(), io.inBytes]));
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.write('one');
    await told.waitFor('IN');
    far.write('two');
    await told.waitFor('IN', 2);
    expect(looks).toStrictEqual([
      ['one', 3],
      ['onetwo', 6],
    ]);
  });

  spec('EOF comes once, after all bytes, and sets `isEof`; we can still write', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h, (io, mask) => {
      if (mask & EOF) io.write('still here');
    });
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF | SENT, cb: told.cb }));
    expect(io.isEof).toBe(false);
    far.end('last words');
    await told.waitFor('SENT');
    expect(io.inBuf.toString()).toBe('last words');
    expect(io.isEof).toBe(true);
    io.end();
    expect((await allOf(far)).toString()).toBe('still here');
    expect(told.events).toStrictEqual(['IN', 'EOF', 'SENT']);
  });

  spec('`isEof` is set also when EOF is not waited for', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: told.cb }));
    far.end('x');
    await h.until(() => io.isEof, 'isEof');
    expect(told.events).toStrictEqual(['IN']);
  });
});

describe.each(TRANSPORTS)('OUT and SENT over %s', (transport) => {
  spec('OUT comes when bytes leave `outBuf` and counts them, SENT when all have left', async (h) => {
    const { near, far } = await pair(h, transport);
    const looks: unknown[] = [];
    const told = new EventLog(h, (io, mask) => looks.push([eventNames(mask).includes('OUT'), io.outBuf.length, io.outBytes]));
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'hello', cb: told.cb }));
    expect(io.outBuf.toString()).toBe('hello');
    await told.waitFor('SENT');
    expect(looks[0]).toStrictEqual([true, 0, 5]);
    expect(told.count('OUT')).toBe(1);
    expect(told.count('SENT')).toBe(1);
    io.end();
    expect((await allOf(far)).toString()).toBe('hello');
  });

  spec('a large `outBuf` leaves in several OUTs and one SENT', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: Buffer.alloc(16_000_000, 'x'), cb: told.cb }));
    const reading = allOf(far);
    await told.waitFor('SENT');
    expect(told.count('OUT')).toBeGreaterThan(1);
    expect(told.count('SENT')).toBe(1);
    expect(told.events.at(-1)?.endsWith('SENT')).toBe(true);
    expect(io.outBytes).toBe(16_000_000);
    io.end();
    expect((await reading).length).toBe(16_000_000);
  });

  spec('OUT comes when a plugin takes the bytes, SENT only when they have left it', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(
      h,
      new IOStream({ fh: near, waitFor: IN | OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '12345', cb: told.cb }),
    );
    await told.waitFor('OUT');
    expect(io.outBuf.length).toBe(0);
    far.write('?');
    await told.waitFor('IN');
    expect(told.summary).toBe('OUT IN');
    io.write('678');
    await told.waitFor('SENT');
    expect(told.count('OUT')).toBe(2);
    const [got] = (await once(far, 'data')) as [Buffer];
    expect(got.toString()).toBe('12345678');
  });

  spec('SENT comes for what a plugin holds back when our end gives it free', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, plugin: { blocks: blocks(8) }, outBuf: '123', cb: told.cb }));
    await told.waitFor('OUT');
    io.end();
    await told.waitFor('SENT');
    expect((await allOf(far)).toString()).toBe('123');
  });

  spec('neither comes for nothing', async (h) => {
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: ALL, cb: told.cb }));
    io.write();
    io.write('');
    far.write('?');
    await told.waitFor('IN');
    expect(told.events).toStrictEqual(['IN']);
  });
});
