import assert from 'node:assert/strict';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, RESOLVED, SENT } from 'rxjs-io-stream';
import { config, firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';
import { invariants, type Harness } from '../support/harness.ts';
import { allOf, pair, served, TRANSPORTS } from '../support/loopback.ts';
import { kept, EventLog } from '../support/told.ts';

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
  it(
    'throws a TypeError at the call; what was written before and after leaves, once',
    invariants(async (h) => {
      const seen = unhandled(h);
      const { near, far } = await pair(h, transport);
      const told = new EventLog(h);
      const io = kept(h, new IOStream({ fh: near, waitFor: OUT | SENT, outBuf: 'before', cb: told.cb }));
      for (const wrong of [null, 5, true, {}, [1, 2], new ArrayBuffer(4), Symbol('x'), () => 'x', Promise.resolve('x')]) {
        assert.throws(() => io.write(wrong as never), { name: 'TypeError', message: /write\(\) to be a string, a Buffer or/ });
        assert.throws(() => io.end(wrong as never), TypeError);
        assert.throws(() => (io.outBuf = wrong as never), { name: 'TypeError', message: /`outBuf`/ });
        assert.throws(() => (io.inBuf = wrong as never), { name: 'TypeError', message: /`inBuf`/ });
      }
      io.write(', after');
      await told.saw('SENT');
      assert.equal(io.state, 'open');
      io.end();
      assert.equal((await allOf(far)).toString(), 'before, after');
      assert.deepEqual(told.errors, []);
      assert.deepEqual(seen, []);
    }),
  );

  it(
    'throws it after close(), too',
    invariants(async (h) => {
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: SENT }));
      io.close();
      assert.throws(() => io.write(5 as never), TypeError);
      far.end();
      await firstValueFrom(io.closed$);
      assert.throws(() => io.write(5 as never), TypeError);
    }),
  );

  it(
    'inside a callback closes the stream, like any throw of a callback',
    invariants(async (h) => {
      const seen = unhandled(h);
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: (stream) => void stream.write(5 as never) }));
      far.write('x');
      const report = await firstValueFrom(io.closed$);
      assert.ok(report.error instanceof TypeError);
      await h.until(() => seen.length > 0, 'the report');
      assert.deepEqual(seen, [report.error]);
    }),
  );
});

describe.each(TRANSPORTS)('a callback that throws, over %s', (transport) => {
  const events = transport === 'TCP' ? ['RESOLVED', 'CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'] : ['CONNECTED', 'IN', 'OUT', 'SENT', 'EOF'];

  it.each(events)('in %s: its stream is closed, it is reported once, and nothing more is told', (event) =>
    invariants(async (h) => {
      const seen = unhandled(h);
      const thrown = new Error(`thrown in ${event}`);
      const place = await served(h, (socket) => socket.on('data', () => {}).end('x'), transport);
      const story: string[] = [];
      const io = kept(
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
      assert.equal(report.by, 'error');
      assert.equal(report.error, thrown);
      await h.until(() => seen.length > 0, 'the report');
      assert.deepEqual(seen, [thrown]);
      assert.equal(story.filter((name) => name === event).length, 1);
    })(),
  );

  it(
    'closes no other stream: a neighbour in the same tick loses and doubles nothing',
    invariants(async (h) => {
      const seen = unhandled(h);
      const [bad, good] = [await pair(h, transport), await pair(h, transport)];
      const told = new EventLog(h);
      const boom = kept(
        h,
        new IOStream({
          fh: bad.near,
          waitFor: IN,
          cb: () => {
            throw new Error('boom');
          },
        }),
      );
      const io = kept(h, new IOStream({ fh: good.near, waitFor: IN | EOF, cb: told.cb }));
      bad.far.write('x');
      good.far.write('one ');
      await firstValueFrom(boom.closed$);
      good.far.end('two');
      await told.saw('EOF');
      assert.equal(io.inBuf.toString(), 'one two');
      io.end('all well');
      assert.equal((await allOf(good.far)).toString(), 'all well');
      await h.until(() => seen.length > 0, 'the report');
      assert.equal(seen.length, 1);
    }),
  );

  it(
    'after close() is reported only: what was queued leaves',
    invariants(async (h) => {
      const seen = unhandled(h);
      const { near, far } = await pair(h, transport);
      const io = kept(
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
      assert.equal((await allOf(far)).toString(), 'farewell');
      far.end();
      assert.equal((await firstValueFrom(io.closed$)).by, 'us');
      await h.until(() => seen.length > 0, 'the report');
      assert.equal(seen.length, 1);
    }),
  );

  it(
    'in a fatal error is reported only: the stream is closed by the error it was told',
    invariants(async (h) => {
      const seen = unhandled(h);
      const { near } = await pair(h, transport);
      const io = kept(
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
      assert.match(String(report.error), /broken/);
      await h.until(() => seen.length > 0, 'the report');
      assert.deepEqual(seen.map(String), ['Error: thrown']);
    }),
  );

  it(
    'as a method of an object, and one that is missing since `method` changed, is the same',
    invariants(async (h) => {
      const seen = unhandled(h);
      const { near, far } = await pair(h, transport);
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, cb: { IO: () => {} } }));
      io.method = 'missing';
      far.write('x');
      const report = await firstValueFrom(io.closed$);
      assert.ok(report.error instanceof TypeError);
      assert.match(report.error.message, /expected `cb` to be .* with a method `missing`, got an object without it$/);
      await h.until(() => seen.length > 0, 'the report');
      assert.equal(seen.length, 1);
    }),
  );
});
