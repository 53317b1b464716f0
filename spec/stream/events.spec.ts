import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, RESOLVED, SENT, passthrough, type StreamEvent } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { invariants } from '../support/harness.ts';
import { closing, dialled, joined, owned, pattern, scripted, serve, ticks, turns, unhandled } from './tools.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

const bits = (events: readonly { readonly mask: number }[]): string[] => events.flatMap(({ mask }) => eventNames(mask));

describe('events$ in reactive mode', () => {
  it(
    'tells everything, in order: RESOLVED, CONNECTED, OUT, SENT, IN, EOF',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.pipe(socket));
      const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
      const { events } = h.watch(io);
      io.write('ping');
      await events.value(({ mask }) => (mask & IN) !== 0);
      io.end();
      await events.ended;
      assert.deepEqual(bits(events.values), ['RESOLVED', 'CONNECTED', 'OUT', 'SENT', 'IN', 'EOF']);
      assert.ok(events.values.every((event) => (event as StreamEvent).io === io));
      assert.equal(events.state, 'complete');
    }),
  );

  it(
    'is not masked, and never empty',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { events } = h.watch(b);
      h.observed(b.data$);
      for (let each = 0; each < 10; each += 1) {
        a.write(pattern(1000));
        b.write('x');
        await ticks(3);
      }
      a.end();
      await events.ended;
      assert.ok(events.values.every(({ mask }) => mask > 0 && (mask & ALL) === mask));
      assert.ok(new Set(bits(events.values)).size === 5);
    }),
  );

  it(
    'tells IN after each read and EOF once',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [b] = owned(h, new IOStream({ wire }));
      const { events } = h.watch(b);
      await ticks();
      const sizes: number[] = [];
      b.events$.subscribe(({ mask }) => {
        if (mask & IN) sizes.push(b.inBuf.length);
      });
      for (let each = 0; each < 3; each += 1) up({ kind: 'data', bytes: pattern(10) });
      up({ kind: 'data', bytes: new Uint8Array(0) });
      up({ kind: 'end' });
      assert.deepEqual(bits(events.values), ['CONNECTED', 'IN', 'IN', 'IN', 'EOF']);
      assert.deepEqual([sizes, b.isEof, b.inBytes], [[10, 20, 30], true, 30]);
    }),
  );
});

describe('events$ in manual mode', () => {
  it(
    'tells only what is waited for, each event cut down to it',
    invariants(async (h) => {
      for (const mask of [IN, EOF, IN | EOF, OUT | SENT, SENT]) {
        const tap: number[] = [];
        const [wireA, wireB] = memoryPair();
        const [a, b] = owned(
          h,
          new IOStream({ wire: wireA }),
          new IOStream({ wire: wireB, waitFor: mask, inBufLimit: 0, onEvent: (event) => tap.push(event.mask) }),
        );
        const { events } = h.watch(b);
        h.observed(b.data$);
        b.write('x');
        a.end('y');
        await h.until(() => b.isEof);
        await ticks();
        assert.ok(events.values.length > 0 && events.values.every((event) => event.mask > 0 && (event.mask & mask) === event.mask));
        assert.deepEqual(
          events.values.map((event) => event.mask),
          tap.map((each) => each & mask).filter((each) => each > 0),
        );
        b.close();
        await closing(b);
      }
    }),
  );

  it(
    'tells nothing with waitFor 0, while onEvent sees every event from the first',
    invariants(async (h) => {
      const tap: StreamEvent[] = [];
      const port = await serve(h, (socket) => socket.end('hello'));
      const [io] = owned(h, new IOStream({ host: '127.0.0.1', port, waitFor: 0, onEvent: (event) => tap.push(event) }));
      const { events } = h.watch(io);
      h.observed(io.data$);
      io.write('x');
      await h.until(() => io.isEof);
      assert.deepEqual(events.values, []);
      assert.deepEqual(new Set(bits(tap)), new Set(['RESOLVED', 'CONNECTED', 'IN', 'EOF', 'OUT', 'SENT']));
      assert.deepEqual(bits(tap).slice(0, 2), ['RESOLVED', 'CONNECTED']);
      io.close();
      await closing(io);
    }),
  );

  it(
    'asks waitFor at each event, from one mode to the other too',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [b] = owned(h, new IOStream({ wire, waitFor: EOF, inBufLimit: 0 }));
      const { events } = h.watch(b);
      await ticks();
      up({ kind: 'data', bytes: pattern(1) });
      b.waitFor = IN;
      up({ kind: 'data', bytes: pattern(1) });
      b.waitFor = 0;
      h.observed(b.data$);
      up({ kind: 'data', bytes: pattern(1) });
      b.waitFor = undefined;
      up({ kind: 'data', bytes: pattern(1) });
      b.write('x');
      await ticks();
      assert.deepEqual(bits(events.values), ['IN', 'IN', 'OUT']);
    }),
  );
});

describe('events$', () => {
  it(
    'delivers nothing before the tick of `new` is over',
    invariants(async (h) => {
      const { wire } = scripted();
      const tap: number[] = [];
      const cb = h.cb();
      const [io] = owned(h, new IOStream({ wire, cb, onEvent: ({ mask }) => tap.push(mask) }));
      assert.equal(io.state, 'opening');
      assert.deepEqual([tap, cb.calls], [[], []]);
      const { events } = h.watch(io);
      assert.equal(io.write('x'), true);
      assert.deepEqual([tap, cb.calls], [[], []]);
      await ticks();
      assert.deepEqual(bits(events.values), ['CONNECTED', 'OUT']);
      assert.deepEqual(
        tap,
        events.values.map(({ mask }) => mask),
      );
    }),
  );

  it(
    'never calls back before write returns',
    invariants(async (h) => {
      const [a] = joined(h);
      const { events } = h.watch(a);
      await ticks();
      const before = events.values.length;
      for (let each = 0; each < 10; each += 1) a.write('x');
      assert.equal(events.values.length, before);
      await ticks();
      assert.deepEqual(bits(events.values.slice(before)), ['OUT', 'SENT'], 'writes of one tick leave as one');
    }),
  );

  it(
    'completes on close, and at once for one who comes later; it never errors',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const watchedA = h.watch(a);
      const watchedB = h.watch(b);
      await ticks();
      a.reset();
      await closing(b);
      for (const { events, errors } of [watchedA, watchedB]) assert.deepEqual([events.state, errors.state], ['complete', 'complete']);
      for (const io of [a, b]) {
        const late = h.watch(io);
        assert.deepEqual([late.events.state, late.errors.state, late.events.values], ['complete', 'complete', []]);
      }
    }),
  );

  it(
    'is told after cb, and only while the stream is open then',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const order: string[] = [];
      b.events$.subscribe({ next: ({ mask }) => order.push(`events ${String(eventNames(mask))}`), complete: () => order.push('complete') });
      b.cb = (io: IOStream, mask: number) => {
        order.push(`cb ${String(eventNames(mask))}`);
        if (mask & IN) io.close();
      };
      a.write('x');
      await closing(b);
      assert.deepEqual(order, ['cb CONNECTED', 'events CONNECTED', 'cb IN', 'complete']);
    }),
  );

  it(
    'has no CONNECTED for a bare fh, but for one with a plugin',
    invariants(async (h) => {
      for (const plugin of [{}, { noop: passthrough() }]) {
        const port = await serve(h, (socket) => socket.pipe(socket));
        const { connect } = await import('node:net');
        const [io] = owned(h, new IOStream({ fh: connect(port, '127.0.0.1'), plugin }));
        const { events } = h.watch(io);
        io.write('x');
        await events.value(({ mask }) => (mask & SENT) !== 0);
        assert.equal(bits(events.values).includes('CONNECTED'), 'noop' in plugin);
        assert.equal(bits(events.values).includes('RESOLVED'), false);
        io.close();
        await closing(io);
      }
    }),
  );

  it(
    'has ip at RESOLVED, and addresses at CONNECTED',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.pipe(socket));
      const seen: unknown[] = [];
      const [io] = owned(
        h,
        new IOStream({
          host: 'a.example',
          port,
          lookup: (_host, _options, done) => process.nextTick(() => done(null, [{ address: '127.0.0.1', family: 4 }])),
          onEvent: ({ io, mask }) => {
            if (mask & RESOLVED) seen.push(io.ip, io.state, io.fh);
            if (mask & CONNECTED) seen.push(io.ip, io.state, io.remoteAddress, io.remotePort, typeof io.localPort, io.fh !== undefined);
          },
        }),
      );
      await h.until(() => io.state === 'open');
      assert.deepEqual(seen, ['127.0.0.1', 'opening', undefined, '127.0.0.1', 'open', '127.0.0.1', port, 'number', true]);
      assert.deepEqual([io.host, io.port, io.path, io.details], ['a.example', port, undefined, {}]);
      io.close();
      await closing(io);
    }),
  );
});

describe('onEvent and cb', () => {
  it(
    'that throws closes its stream and is reported, other streams go on',
    invariants(async (h) => {
      const reported = unhandled(h);
      for (const key of ['onEvent', 'cb'] as const) {
        const [wireA, wireB] = memoryPair();
        const thrown = new Error(`mine in ${key}`);
        const [a, b] = owned(
          h,
          new IOStream({ wire: wireA }),
          new IOStream({
            wire: wireB,
            [key]: () => {
              throw thrown;
            },
          }),
        );
        h.watch(a);
        const [c, d] = joined(h);
        const seen = h.observed(d.data$);
        const report = await closing(b);
        assert.deepEqual([report.by, report.error], ['error', thrown]);
        await h.until(() => reported.includes(thrown));
        c.end('still here');
        h.sameBytes((await seen.ended).values, 'still here');
      }
      await turns();
      assert.equal(reported.length, 2);
    }),
  );
});

describe('counters', () => {
  it(
    'inBytes and outBytes are the user’s to reset; the report is not theirs',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, {}, (socket) => socket.resume());
      h.observed(io.data$);
      io.write('12345');
      socket.write('123');
      await h.until(() => io.inBytes === 3 && io.outBytes === 5);
      io.inBytes = 0;
      io.outBytes = 0;
      socket.end('12');
      const report = await closing(io);
      assert.deepEqual([io.inBytes, report.bytesIn, report.bytesOut], [2, 5, 5]);
    }),
  );
});
