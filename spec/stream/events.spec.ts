import { connect } from 'node:net';
import { describe, expect } from 'vitest';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, RESOLVED, SENT, passthrough, type StreamEvent } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, scriptedStream, serve, ticks, turns, unhandled } from './tools.ts';

const ALL = RESOLVED | CONNECTED | IN | OUT | EOF | SENT;

const namesOf = (events: readonly { readonly mask: number }[]): string[] => events.flatMap(({ mask }) => eventNames(mask));

describe('events$ in reactive mode', () => {
  spec('emits all events in order: RESOLVED, CONNECTED, OUT, SENT, IN, EOF', async (h) => {
    const port = await serve(h, (socket) => socket.pipe(socket));
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    const { events } = h.watch(io);
    io.write('ping');
    await events.value(({ mask }) => (mask & IN) !== 0);
    io.end();
    await events.ended;
    expect(namesOf(events.values)).toStrictEqual(['RESOLVED', 'CONNECTED', 'OUT', 'SENT', 'IN', 'EOF']);
    expect(events.values.every((event) => (event as StreamEvent).io === io)).toBe(true);
    expect(events.state).toBe('complete');
  });

  spec('emits events of all kinds, none of them empty', async (h) => {
    const [a, b] = streamPair(h);
    const { events } = h.watch(b);
    h.observed(b.data$);
    for (let each = 0; each < 10; each += 1) {
      a.write(pattern(1000));
      b.write('x');
      await ticks(3);
    }
    a.end();
    await events.ended;
    expect(events.values.every(({ mask }) => mask > 0 && (mask & ALL) === mask)).toBe(true);
    expect(new Set(namesOf(events.values)).size === 5).toBe(true);
  });

  spec('emits IN after each read and EOF once', async (h) => {
    const { wire, up } = scriptedStream();
    const [b] = resetAtEnd(h, new IOStream({ wire }));
    const { events } = h.watch(b);
    await ticks();
    const sizes: number[] = [];
    b.events$.subscribe(({ mask }) => {
      if (mask & IN) sizes.push(b.inBuf.length);
    });
    for (let each = 0; each < 3; each += 1) up({ kind: 'data', bytes: pattern(10) });
    up({ kind: 'data', bytes: new Uint8Array(0) });
    up({ kind: 'end' });
    expect(namesOf(events.values)).toStrictEqual(['CONNECTED', 'IN', 'IN', 'IN', 'EOF']);
    expect([sizes, b.isEof, b.inBytes]).toStrictEqual([[10, 20, 30], true, 30]);
  });
});

describe('events$ in manual mode', () => {
  spec('emits only the events of `waitFor`, and reduces combined events to them', async (h) => {
    for (const mask of [IN, EOF, IN | EOF, OUT | SENT, SENT]) {
      const tapped: number[] = [];
      const [wireA, wireB] = memoryPair();
      const [a, b] = resetAtEnd(
        h,
        new IOStream({ wire: wireA }),
        new IOStream({ wire: wireB, waitFor: mask, inBufLimit: 0, onEvent: (event) => tapped.push(event.mask) }),
      );
      const { events } = h.watch(b);
      h.observed(b.data$);
      b.write('x');
      a.end('y');
      await h.until(() => b.isEof);
      await ticks();
      expect(events.values.length > 0 && events.values.every((event) => event.mask > 0 && (event.mask & mask) === event.mask)).toBe(true);
      expect(events.values.map((event) => event.mask)).toStrictEqual(tapped.map((each) => each & mask).filter((each) => each > 0));
      b.close();
      await closedReport(b);
    }
  });

  spec('emits nothing with `waitFor: 0`, while `onEvent` receives every event from the first', async (h) => {
    const tapped: StreamEvent[] = [];
    const port = await serve(h, (socket) => socket.end('hello'));
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port, waitFor: 0, onEvent: (event) => tapped.push(event) }));
    const { events } = h.watch(io);
    h.observed(io.data$);
    io.write('x');
    await h.until(() => io.isEof);
    expect(events.values).toStrictEqual([]);
    expect(new Set(namesOf(tapped))).toStrictEqual(new Set(['RESOLVED', 'CONNECTED', 'IN', 'EOF', 'OUT', 'SENT']));
    expect(namesOf(tapped).slice(0, 2)).toStrictEqual(['RESOLVED', 'CONNECTED']);
    io.close();
    await closedReport(io);
  });

  spec('reads `waitFor` at each event, also when the mode changes', async (h) => {
    const { wire, up } = scriptedStream();
    const [b] = resetAtEnd(h, new IOStream({ wire, waitFor: EOF, inBufLimit: 0 }));
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
    expect(namesOf(events.values)).toStrictEqual(['IN', 'IN', 'OUT']);
  });
});

describe('events$', () => {
  spec('emits nothing before the end of the tick of `new`', async (h) => {
    const { wire } = scriptedStream();
    const tapped: number[] = [];
    const cb = h.cb();
    const [io] = resetAtEnd(h, new IOStream({ wire, cb, onEvent: ({ mask }) => tapped.push(mask) }));
    expect(io.state).toBe('opening');
    expect([tapped, cb.calls]).toStrictEqual([[], []]);
    const { events } = h.watch(io);
    expect(io.write('x')).toBe(true);
    expect([tapped, cb.calls]).toStrictEqual([[], []]);
    await ticks();
    expect(namesOf(events.values)).toStrictEqual(['CONNECTED', 'OUT']);
    expect(tapped).toStrictEqual(events.values.map(({ mask }) => mask));
  });

  spec('emits nothing before `write` returns', async (h) => {
    const [a] = streamPair(h);
    const { events } = h.watch(a);
    await ticks();
    const before = events.values.length;
    for (let each = 0; each < 10; each += 1) a.write('x');
    expect(events.values.length).toBe(before);
    await ticks();
    expect(namesOf(events.values.slice(before)), 'writes of one tick are sent as one').toStrictEqual(['OUT', 'SENT']);
  });

  spec('completes on close, at once for a later subscriber, and never errors', async (h) => {
    const [a, b] = streamPair(h);
    const watchedA = h.watch(a);
    const watchedB = h.watch(b);
    await ticks();
    a.reset();
    await closedReport(b);
    for (const { events, errors } of [watchedA, watchedB]) expect([events.state, errors.state]).toStrictEqual(['complete', 'complete']);
    for (const io of [a, b]) {
      const late = h.watch(io);
      expect([late.events.state, late.errors.state, late.events.values]).toStrictEqual(['complete', 'complete', []]);
    }
  });

  spec('emits after `cb`, and only if the stream is still open then', async (h) => {
    const [a, b] = streamPair(h);
    const order: string[] = [];
    b.events$.subscribe({ next: ({ mask }) => order.push(`events ${String(eventNames(mask))}`), complete: () => order.push('complete') });
    b.cb = (io: IOStream, mask: number) => {
      order.push(`cb ${String(eventNames(mask))}`);
      if (mask & IN) io.close();
    };
    a.write('x');
    await closedReport(b);
    expect(order).toStrictEqual(['cb CONNECTED', 'events CONNECTED', 'cb IN', 'complete']);
  });

  spec('emits CONNECTED for an `fh` with a plugin, but not for a plain one', async (h) => {
    for (const plugin of [{}, { noop: passthrough() }]) {
      const port = await serve(h, (socket) => socket.pipe(socket));
      const [io] = resetAtEnd(h, new IOStream({ fh: connect(port, '127.0.0.1'), plugin }));
      const { events } = h.watch(io);
      io.write('x');
      await events.value(({ mask }) => (mask & SENT) !== 0);
      expect(namesOf(events.values).includes('CONNECTED')).toBe('noop' in plugin);
      expect(namesOf(events.values).includes('RESOLVED')).toBe(false);
      io.close();
      await closedReport(io);
    }
  });

  spec('emits RESOLVED when `ip` is set, and CONNECTED when the addresses are set', async (h) => {
    const port = await serve(h, (socket) => socket.pipe(socket));
    const seen: unknown[] = [];
    const [io] = resetAtEnd(
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
    expect(seen).toStrictEqual(['127.0.0.1', 'opening', undefined, '127.0.0.1', 'open', '127.0.0.1', port, 'number', true]);
    expect([io.host, io.port, io.path, io.details]).toStrictEqual(['a.example', port, undefined, {}]);
    io.close();
    await closedReport(io);
  });
});

describe('onEvent and cb', () => {
  spec('a throw in `onEvent` or `cb` closes its stream and is reported, and other streams continue', async (h) => {
    const reported = unhandled(h);
    for (const key of ['onEvent', 'cb'] as const) {
      const [wireA, wireB] = memoryPair();
      const thrown = new Error(`mine in ${key}`);
      const [a, b] = resetAtEnd(
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
      const [c, d] = streamPair(h);
      const seen = h.observed(d.data$);
      const report = await closedReport(b);
      expect([report.by, report.error]).toStrictEqual(['error', thrown]);
      await h.until(() => reported.includes(thrown));
      c.end('still here');
      h.sameBytes((await seen.ended).values, 'still here');
    }
    await turns();
    expect(reported.length).toBe(2);
  });
});

describe('counters', () => {
  spec('`inBytes` and `outBytes` can be reset by the user, without an effect on the report', async (h) => {
    const { io, socket } = await connectedToPeer(h, {}, (socket) => socket.resume());
    h.observed(io.data$);
    io.write('12345');
    socket.write('123');
    await h.until(() => io.inBytes === 3 && io.outBytes === 5);
    io.inBytes = 0;
    io.outBytes = 0;
    socket.end('12');
    const report = await closedReport(io);
    expect([io.inBytes, report.bytesIn, report.bytesOut]).toStrictEqual([2, 5, 5]);
  });
});
