import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { config, firstValueFrom } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** Collects the errors that RxJS reports as unhandled, until the end of the spec. */
function unhandled(h: Harness): unknown[] {
  const seen: unknown[] = [];
  const before = config.onUnhandledError;
  config.onUnhandledError = (error) => seen.push(error);
  h.defer(() => (config.onUnhandledError = before));
  return seen;
}

describe.each(TRANSPORTS)('a write of a wrong type over %s', (transport) => {
  spec('throws a TypeError at once; what is written before and after it is sent exactly once', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'before', cb: log.cb }));
    for (const wrong of [null, 5, true, {}, [1, 2], new ArrayBuffer(4), Symbol('x'), () => 'x', Promise.resolve('x')]) {
      expect(() => io.write(wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/write\(\) to be a string, a Buffer or/) }),
      );
      expect(() => io.end(wrong as never)).toThrow(TypeError);
      expect(() => (io.outBuf = wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`outBuf`/) }),
      );
      expect(() => (io.inBuf = wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/`inBuf`/) }),
      );
    }
    io.write(', after');
    await log.waitFor('SENT');
    expect(io.state).toBe('open');
    io.end();
    expect((await allOf(far)).toString()).toBe('before, after');
    expect(log.errors).toStrictEqual([]);
    expect(seen).toStrictEqual([]);
  });

  spec('throws a TypeError after close(), too', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT }));
    io.close();
    expect(() => io.write(5 as never)).toThrow(TypeError);
    far.end();
    await firstValueFrom(io.closed$);
    expect(() => io.write(5 as never)).toThrow(TypeError);
  });

  spec('closes the stream if the callback does not catch the TypeError', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: (stream) => void stream.write(5 as never) }));
    far.write('x');
    const report = await firstValueFrom(io.closed$);
    assert(report.error instanceof TypeError);
    await h.until(() => seen.length > 0, 'the report');
    expect(seen).toStrictEqual([report.error]);
  });
});

describe.each(TRANSPORTS)('a callback that throws, over %s', (transport) => {
  const events = transport === 'TCP' ? ['RESOLVED', 'CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'] : ['CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'];

  spec.each(events)('closes its stream in %s, is reported once, and does not see the event again', async (h, event) => {
    const seen = unhandled(h);
    const thrown = new Error(`thrown in ${event}`);
    const place = await served(h, (socket) => socket.on('data', () => {}).end('x'), transport);
    const emitted: string[] = [];
    const io = watchedStream(
      h,
      new IOStream({
        ...place,
        waitFor: ALL,
        outBuf: 'y',
        cb: (_io, mask) => {
          emitted.push(...eventNames(mask));
          if (eventNames(mask).includes(event)) throw thrown;
        },
      }),
    );
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(report.error).toBe(thrown);
    await h.until(() => seen.length > 0, 'the report');
    expect(seen).toStrictEqual([thrown]);
    expect(emitted.filter((name) => name === event).length).toBe(1);
  });

  spec('does not affect another stream in the same tick: no byte is lost or duplicated', async (h) => {
    const seen = unhandled(h);
    const [bad, good] = [await pair(h, transport), await pair(h, transport)];
    const log = new EventLog(h);
    const boom = watchedStream(
      h,
      new IOStream({
        fh: bad.near,
        waitFor: IN,
        cb: () => {
          throw new Error('boom');
        },
      }),
    );
    const io = watchedStream(h, new IOStream({ fh: good.near, waitFor: IN | EOF, cb: log.cb }));
    bad.far.write('x');
    good.far.write('one ');
    await firstValueFrom(boom.closed$);
    good.far.end('two');
    await log.waitFor('EOF');
    expect(io.inBuf.toString()).toBe('one two');
    io.end('all well');
    expect((await allOf(good.far)).toString()).toBe('all well');
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.length).toBe(1);
  });

  spec('is only reported after close(): the queued bytes are sent', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const io = watchedStream(
      h,
      new IOStream({
        fh: near,
        waitFor: IN,
        cb: (stream) => {
          stream.write('goodbye');
          stream.close();
          throw new Error('and then this');
        },
      }),
    );
    far.write('x');
    expect((await allOf(far)).toString()).toBe('goodbye');
    far.end();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.length).toBe(1);
  });

  spec('is only reported in a fatal error: the stream closes with the fatal error', async (h) => {
    const seen = unhandled(h);
    const { near } = await pair(h, transport);
    const io = watchedStream(
      h,
      new IOStream({
        fh: near,
        waitFor: IN,
        cb: (_io, _mask, error) => {
          if (error) throw new Error('thrown');
        },
      }),
    );
    near.destroy(new Error('broken'));
    const report = await firstValueFrom(io.closed$);
    expect(String(report.error)).toMatch(/broken/);
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.map(String)).toStrictEqual(['Error: thrown']);
  });

  spec('closes its stream, too, if `method` names a method that the object does not have', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: { IO: () => {} } }));
    io.method = 'missing';
    far.write('x');
    const report = await firstValueFrom(io.closed$);
    assert(report.error instanceof TypeError);
    expect(report.error.message).toMatch(/expected `cb` to be .* with a method `missing`, got an object without it$/);
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.length).toBe(1);
  });
});
