import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { config, firstValueFrom } from 'rxjs';
import { assert, describe, expect } from 'vitest';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

/** What RxJS would throw at the process, until the end of the spec. */
function unhandled(h: Harness): unknown[] {
  const seen: unknown[] = [];
  const before = config.onUnhandledError;
  config.onUnhandledError = (error) => seen.push(error);
  h.defer(() => (config.onUnhandledError = before));
  return seen;
}

describe.each(TRANSPORTS)('a write of a wrong type over %s', (transport) => {
  spec('throws a TypeError at the call; what was written before and after leaves, once', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'before', cb: told.cb }));
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
    await told.waitFor('SENT');
    expect(io.state).toBe('open');
    io.end();
    expect((await allOf(far)).toString()).toBe('before, after');
    expect(told.errors).toStrictEqual([]);
    expect(seen).toStrictEqual([]);
  });

  spec('throws it after close(), too', async (h) => {
    const { near, far } = await pair(h, transport);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: SENT }));
    io.close();
    expect(() => io.write(5 as never)).toThrow(TypeError);
    far.end();
    await firstValueFrom(io.closed$);
    expect(() => io.write(5 as never)).toThrow(TypeError);
  });

  spec('inside a callback closes the stream, like any throw of a callback', async (h) => {
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

  spec.each(events)('in %s: its stream is closed, it is reported once, and nothing more is told', async (h, event) => {
    const seen = unhandled(h);
    const thrown = new Error(`thrown in ${event}`);
    const place = await served(h, (socket) => socket.on('data', () => {}).end('x'), transport);
    const story: string[] = [];
    const io = watchedStream(
      h,
      new IOStream({
        ...place,
        waitFor: ALL,
        outBuf: 'y',
        cb: (_io, mask) => {
          story.push(...eventNames(mask));
          if (eventNames(mask).includes(event)) throw thrown;
        },
      }),
    );
    const report = await firstValueFrom(io.closed$);
    expect(report.by).toBe('error');
    expect(report.error).toBe(thrown);
    await h.until(() => seen.length > 0, 'the report');
    expect(seen).toStrictEqual([thrown]);
    expect(story.filter((name) => name === event).length).toBe(1);
  });

  spec('closes no other stream: a neighbour in the same tick loses and doubles nothing', async (h) => {
    const seen = unhandled(h);
    const [bad, good] = [await pair(h, transport), await pair(h, transport)];
    const told = new EventLog(h);
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
    const io = watchedStream(h, new IOStream({ fh: good.near, waitFor: IN | EOF, cb: told.cb }));
    bad.far.write('x');
    good.far.write('one ');
    await firstValueFrom(boom.closed$);
    good.far.end('two');
    await told.waitFor('EOF');
    expect(io.inBuf.toString()).toBe('one two');
    io.end('all well');
    expect((await allOf(good.far)).toString()).toBe('all well');
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.length).toBe(1);
  });

  spec('after close() is reported only: what was queued leaves', async (h) => {
    const seen = unhandled(h);
    const { near, far } = await pair(h, transport);
    const io = watchedStream(
      h,
      new IOStream({
        fh: near,
        waitFor: IN,
        cb: (stream) => {
          stream.write('farewell');
          stream.close();
          throw new Error('and then this');
        },
      }),
    );
    far.write('x');
    expect((await allOf(far)).toString()).toBe('farewell');
    far.end();
    expect((await firstValueFrom(io.closed$)).by).toBe('us');
    await h.until(() => seen.length > 0, 'the report');
    expect(seen.length).toBe(1);
  });

  spec('in a fatal error is reported only: the stream is closed by the error it was told', async (h) => {
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

  spec('as a method of an object, and one that is missing since `method` changed, is the same', async (h) => {
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
