import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect } from 'vitest';
import { ECLOSED, ETOWRITE, IOStream, IOStreamError, ETOIDLE, type IOStreamOptions } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, scriptedStream, serve, ticks, turns, unhandled } from './tools.ts';

const refusedAddress = { host: '127.0.0.1', port: 1 } as const;

describe('errors$', () => {
  spec('emits every error as a value, and completes on close', async (h) => {
    const [a, b] = streamPair(h, { waitFor: 0 }, { allowHalfOpen: true });
    const { errors } = h.watch(a);
    h.observed(b.data$);
    a.end();
    a.write('x');
    await ticks();
    a.write('y');
    await ticks();
    expect(errors.values.map((error) => (error as IOStreamError).code)).toStrictEqual([ECLOSED, ECLOSED]);
    expect(errors.values.every((error) => error instanceof IOStreamError)).toBe(true);
    b.reset();
    await closedReport(a);
    h.error(errors.values[2], { code: 'ECONNRESET', fatal: true, phase: 'read' });
    expect(errors.state).toBe('complete');
  });

  spec('emits errors with the code, errno, syscall, address and port of the system', async (h) => {
    for (const host of ['127.0.0.1', '::1']) {
      const [io] = resetAtEnd(h, new IOStream({ host, port: 1 }));
      const { errors, events, closed } = h.watch(io);
      await closedReport(io);
      const error = errors.values[0] as IOStreamError;
      h.error(error, { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
      expect([error.errno, error.syscall, error.address, error.port]).toStrictEqual([-111, 'connect', host, 1]);
      expect(error.cause).toBeInstanceOf(Error);
      expect(
        events.values.map(({ mask }) => mask),
        'RESOLVED, never CONNECTED',
      ).toStrictEqual([1]);
      const [report] = closed.values as { connectedAt?: number }[];
      expect(report?.connectedAt).toBe(undefined);
    }
  });

  spec('emits the error after `cb` and before the stream is closed', async (h) => {
    const order: string[] = [];
    const [io] = resetAtEnd(
      h,
      new IOStream({
        ...refusedAddress,
        cb: (io, mask, error) => {
          if (error) order.push(`cb ${mask} ${error.code} ${String(io.write('x'))}`);
        },
      }),
    );
    io.errors$.subscribe({
      next: ({ code }) => order.push(`errors$ ${code} ${io.state === 'closed' ? 'late' : 'in time'}`),
      complete: () => order.push('complete'),
    });
    io.data$.subscribe({ error: (error: unknown) => order.push(`data$ ${(error as IOStreamError).code}`) });
    io.closed$.subscribe(() => order.push('closed$'));
    await closedReport(io);
    expect(order).toStrictEqual(['cb 0 ECONNREFUSED false', 'errors$ ECONNREFUSED in time', 'data$ ECONNREFUSED', 'complete', 'closed$']);
  });

  spec('allows a close, a reset and a throw from inside `next`', async (h) => {
    const reported = unhandled(h);
    for (const act of [
      (io: IOStream) => io.close(),
      (io: IOStream) => io.reset(),
      () => {
        throw new Error('mine');
      },
    ]) {
      const [io] = resetAtEnd(h, new IOStream(refusedAddress));
      io.errors$.subscribe(() => act(io));
      const { closed, errors } = h.watch(io);
      expect((await closedReport(io)).by).toBe('error');
      expect([closed.values.length, errors.values.length]).toStrictEqual([1, 1]);
    }
    await h.until(() => reported.length === 1);
    expect((reported[0] as Error).message).toBe('mine');
  });

  spec('emits one error for two writes after the peer has closed, and later writes return false', async (h) => {
    const { io, socket } = await connectedToPeer(h, { allowHalfOpen: true });
    const { errors } = h.watch(io);
    socket.destroy();
    await h.until(() => io.isEof);
    io.write('one');
    await turns(20);
    // Fails when the reset of the peer has arrived.
    await h.until(() => !io.write('two'), 'the reset');
    await closedReport(io);
    expect(errors.values.length).toBe(1);
    expect((errors.values[0] as IOStreamError).code).toMatch(/^(EPIPE|ECONNRESET)$/);
    expect(io.write('three')).toBe(false);
    await ticks();
    expect(errors.values.length).toBe(1);
  });
});

describe('isFatal', () => {
  spec('is true for all errors in reactive mode, and depends on the code with `waitFor`', async (h) => {
    for (const waitFor of [undefined, 0] as const) {
      const [a, b] = streamPair(h, { waitFor, timeouts: { idle: 10 } });
      h.watch(b);
      const { errors } = h.watch(a);
      await errors.value();
      h.error(errors.values[0], { code: ETOIDLE });
      await ticks();
      expect(a.state).toBe(waitFor === undefined ? 'closed' : 'open');
    }
  });

  spec('is called for each error, and its result decides', async (h) => {
    const calls: string[] = [];
    const isFatal = (error: IOStreamError): boolean => {
      calls.push(error.code);
      return error.code !== ETOIDLE;
    };
    const [a, b] = streamPair(h, { isFatal, timeouts: { idle: 10, write: 50 } });
    h.watch(b);
    const { errors } = h.watch(a);
    await errors.value();
    expect(a.state).toBe('open');
    b.pause();
    a.write(new Uint8Array(100_000));
    await closedReport(a);
    expect(calls.includes(ETOIDLE) && calls.at(-1) === ETOWRITE).toBe(true);
  });

  spec('cannot keep a stream open whose wire has failed', async (h) => {
    const [io] = resetAtEnd(h, new IOStream({ ...refusedAddress, isFatal: () => false }));
    const { errors } = h.watch(io);
    expect((await closedReport(io)).by).toBe('error');
    expect(errors.values.length).toBe(1);
  });

  spec('is not called for ECLOSED, which is never fatal', async (h) => {
    const [a, b] = streamPair(h, { isFatal: () => true }, { allowHalfOpen: true });
    const { errors } = h.watch(a);
    h.observed(b.data$);
    a.end();
    a.write('x');
    await ticks();
    h.error(errors.values[0], { code: ECLOSED });
    expect(a.state).toBe('open');
  });

  spec('closes the stream when it throws, and the error is reported', async (h) => {
    const reported = unhandled(h);
    const thrown = new Error('mine');
    const [a, b] = streamPair(h, {
      timeouts: { idle: 10 },
      isFatal: () => {
        throw thrown;
      },
    });
    h.watch(b);
    const report = await closedReport(a);
    expect([report.by, report.error]).toStrictEqual(['error', thrown]);
    await h.until(() => reported.length === 1);
    expect(reported[0]).toBe(thrown);
  });

  for (const how of ['close', 'reset'] as const)
    spec(`may call ${how}(), and then the error is not reported`, async (h) => {
      const reported = unhandled(h);
      const isFatal = (): boolean => {
        a[how]();
        return true;
      };
      const [a, b] = streamPair(h, { isFatal, timeouts: { idle: 10 } }, { allowHalfOpen: true });
      h.watch(b);
      await h.until(() => !['opening', 'open'].includes(a.state));
      await turns(5);
      expect(reported).toStrictEqual([]);
    });
});

describe('an error after the end of the peer', () => {
  spec('is reported if input was lost', async (h) => {
    const fh = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), allowHalfOpen: true });
    const [io] = resetAtEnd(h, new IOStream({ fh, allowHalfOpen: true }));
    const { errors } = h.watch(io);
    const data = h.observed(io.data$);
    fh.push('all');
    fh.push(null);
    await data.ended;
    fh.push('late');
    await h.until(() => errors.values.length > 0);
    h.error(errors.values[0], { code: 'ERR_STREAM_PUSH_AFTER_EOF' });
  });
});

describe('an unhandled fatal error', () => {
  spec('is reported to `config.onUnhandledError` once, and is never a plain socket error', async (h) => {
    const reported = unhandled(h);
    resetAtEnd(h, new IOStream(refusedAddress));
    await h.until(() => reported.length > 0);
    await turns();
    expect(reported.length).toBe(1);
    h.error(reported[0], { code: 'ECONNREFUSED' });
  });

  spec(
    'is an uncaught exception without `config.onUnhandledError`',
    async (h) => {
      const [io] = resetAtEnd(h, new IOStream(refusedAddress));
      await h.until(() => io.state === 'closed');
      await turns(30);
    },
    { uncaught: (error) => (error as IOStreamError).code === 'ECONNREFUSED' },
  );

  spec('is prevented by `cb`, a subscriber of `errors$`, `data$` or `closed$`, `consume`, `send` or an iteration', async (h) => {
    const reported = unhandled(h);
    const ignoreError = { error: (): void => {} };
    const handlers: ((options: IOStreamOptions) => IOStream)[] = [
      (options) => new IOStream({ ...options, cb: () => {} }),
      (options) => new IOStream({ ...options, cb: { IO: () => {} } }),
      (options) => {
        const io: IOStream = new IOStream(options);
        io.errors$.subscribe();
        return io;
      },
      (options) => {
        const io: IOStream = new IOStream(options);
        io.data$.subscribe(ignoreError);
        return io;
      },
      (options) => {
        const io: IOStream = new IOStream(options);
        io.consume(() => []).subscribe(ignoreError);
        return io;
      },
      (options) => {
        const io: IOStream = new IOStream(options);
        io.send(['x']).subscribe(ignoreError);
        return io;
      },
      (options) => {
        const io: IOStream = new IOStream(options);
        io.closed$.subscribe();
        return io;
      },
      (options) => {
        const io: IOStream = new IOStream(options);
        io[Symbol.asyncIterator]()
          .next()
          .catch(() => {});
        return io;
      },
    ];
    for (const make of handlers) {
      const io = make(refusedAddress);
      resetAtEnd(h, io);
      await h.until(() => io.state === 'closed');
    }
    await turns(30);
    expect(reported).toStrictEqual([]);
  });

  spec('is not prevented by `events$`, `onEvent` or subscribers that have unsubscribed', async (h) => {
    const reported = unhandled(h);
    const [io] = resetAtEnd(h, new IOStream({ ...refusedAddress, onEvent: () => {} }));
    io.events$.subscribe();
    io.errors$.subscribe().unsubscribe();
    io.data$.subscribe().unsubscribe();
    io.closed$.subscribe().unsubscribe();
    await h.until(() => reported.length > 0);
    await turns();
    expect(reported.length).toBe(1);
  });

  spec('does not affect other streams', async (h) => {
    const reported = unhandled(h);
    const [a, b] = streamPair(h);
    const seen = h.observed(b.data$);
    const [io] = resetAtEnd(h, new IOStream(refusedAddress));
    await h.until(() => io.state === 'closed');
    a.end('still here');
    h.sameBytes((await seen.ended).values, 'still here');
    await h.until(() => reported.length === 1);
  });

  spec('does not occur for an error that is not fatal', async (h) => {
    const reported = unhandled(h);
    const [a] = streamPair(h, { waitFor: 0, timeouts: { idle: 5 } }, { allowHalfOpen: true });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(a.state).toBe('open');
    expect(reported).toStrictEqual([]);
  });

  spec('does not occur when a socket fails after the stream has closed', async (h) => {
    const reported = unhandled(h);
    const port = await serve(h, (socket) => setImmediate(() => socket.resetAndDestroy()));
    const socket = connect(port, '127.0.0.1');
    const [io] = resetAtEnd(h, new IOStream({ fh: socket }));
    io.write('x');
    io.close();
    await closedReport(io);
    await turns(30);
    expect(reported).toStrictEqual([]);
  });
});

describe('a wrong argument', () => {
  spec('throws a TypeError synchronously at the call, and starts nothing', (h) => {
    const { wire, down } = scriptedStream();
    for (const wrong of [
      undefined,
      null,
      5,
      {},
      { wire: 5 },
      { wire, path: 'x' },
      { wire, cb: 5 },
      { wire, lower: 1 },
      { host: 'x' },
      { port: 5 },
    ]) {
      expect(() => new IOStream(wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^(usage: |unknown option `)/) }),
      );
    }
    const [io] = resetAtEnd(h, new IOStream({ wire, Own: 1 }));
    expect(io.Own).toBe(1);
    expect(() => io.read(-1)).toThrow(TypeError);
    expect(() => io.read(1.5)).toThrow(TypeError);
    expect(() => (io.waitFor = 64)).toThrow(TypeError);
    expect(() => (io.inBufLimit = -1)).toThrow(TypeError);
    expect(() => (io.cb = 5 as never)).toThrow(TypeError);
    expect(() => (io.inBuf = 5 as never)).toThrow(TypeError);
    expect(down).toStrictEqual([]);
  });
});
