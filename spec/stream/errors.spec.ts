import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'vitest';
import { ECLOSED, ETOWRITE, IOStream, IOStreamError, ETOIDLE, type IOStreamOptions } from 'rxjs-io-stream';
import { invariants } from '../support/harness.ts';
import { closing, dialled, joined, owned, scripted, serve, ticks, turns, unhandled } from './tools.ts';

const refused = { host: '127.0.0.1', port: 1 } as const;

describe('errors$', () => {
  it(
    'emits every error as a value, and completes on close',
    invariants(async (h) => {
      const [a, b] = joined(h, { waitFor: 0 }, { allowHalfOpen: true });
      const { errors } = h.watch(a);
      h.observed(b.data$);
      a.end();
      a.write('x');
      await ticks();
      a.write('y');
      await ticks();
      assert.deepEqual(
        errors.values.map((error) => (error as IOStreamError).code),
        [ECLOSED, ECLOSED],
      );
      assert.ok(errors.values.every((error) => error instanceof IOStreamError));
      b.reset();
      await closing(a);
      h.error(errors.values[2], { code: 'ECONNRESET', fatal: true, phase: 'read' });
      assert.equal(errors.state, 'complete');
    }),
  );

  it(
    'keeps code, number, syscall, address and port of the system',
    invariants(async (h) => {
      for (const host of ['127.0.0.1', '::1']) {
        const [io] = owned(h, new IOStream({ host, port: 1 }));
        const { errors, events, closed } = h.watch(io);
        await closing(io);
        const error = errors.values[0] as IOStreamError;
        h.error(error, { code: 'ECONNREFUSED', phase: 'connect', fatal: true });
        assert.deepEqual([error.errno, error.syscall, error.address, error.port], [-111, 'connect', host, 1]);
        assert.ok(error.cause instanceof Error);
        assert.deepEqual(
          events.values.map(({ mask }) => mask),
          [1],
          'RESOLVED, never CONNECTED (F1)',
        );
        const [report] = closed.values as { connectedAt?: number }[];
        assert.equal(report?.connectedAt, undefined);
      }
    }),
  );

  it(
    'has the error before the stream is closed, and cb first',
    invariants(async (h) => {
      const order: string[] = [];
      const [io] = owned(
        h,
        new IOStream({
          ...refused,
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
      await closing(io);
      assert.deepEqual(order, ['cb 0 ECONNREFUSED false', 'errors$ ECONNREFUSED in time', 'data$ ECONNREFUSED', 'complete', 'closed$']);
    }),
  );

  it(
    'stands a close, a reset and a throw from inside',
    invariants(async (h) => {
      const reported = unhandled(h);
      for (const act of [(io: IOStream) => io.close(), (io: IOStream) => io.reset(), () => assert.fail('mine')]) {
        const [io] = owned(h, new IOStream(refused));
        io.errors$.subscribe(() => act(io));
        const { closed, errors } = h.watch(io);
        assert.equal((await closing(io)).by, 'error');
        assert.deepEqual([closed.values.length, errors.values.length], [1, 1]);
      }
      await h.until(() => reported.length === 1);
      assert.equal((reported[0] as Error).message, 'mine');
    }),
  );

  it(
    'peer closes, then we write twice: one error, later writes are false (F4)',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, { allowHalfOpen: true });
      const { errors } = h.watch(io);
      socket.destroy();
      await h.until(() => io.isEof);
      io.write('one');
      await turns(20);
      io.write('two');
      await closing(io);
      assert.equal(errors.values.length, 1);
      assert.match((errors.values[0] as IOStreamError).code, /^(EPIPE|ECONNRESET)$/);
      assert.equal(io.write('three'), false);
      await ticks();
      assert.equal(errors.values.length, 1);
    }),
  );
});

describe('isFatal', () => {
  it(
    'is all errors in reactive mode, and by the table of codes with waitFor',
    invariants(async (h) => {
      for (const waitFor of [undefined, 0] as const) {
        const [a, b] = joined(h, { waitFor, timeouts: { idle: 10 } });
        h.watch(b);
        const { errors } = h.watch(a);
        await errors.value();
        h.error(errors.values[0], { code: ETOIDLE });
        await ticks();
        assert.equal(a.state, waitFor === undefined ? 'closed' : 'open');
      }
    }),
  );

  it(
    'given, is asked for each error and has its way',
    invariants(async (h) => {
      const asked: string[] = [];
      const isFatal = (error: IOStreamError): boolean => {
        asked.push(error.code);
        return error.code !== ETOIDLE;
      };
      const [a, b] = joined(h, { isFatal, timeouts: { idle: 10, write: 50 } });
      h.watch(b);
      const { errors } = h.watch(a);
      await errors.value();
      assert.equal(a.state, 'open');
      b.pause();
      a.write(new Uint8Array(100_000));
      await closing(a);
      assert.ok(asked.includes(ETOIDLE) && asked.at(-1) === ETOWRITE);
    }),
  );

  it(
    'cannot keep a stream open whose wire failed',
    invariants(async (h) => {
      const [io] = owned(h, new IOStream({ ...refused, isFatal: () => false }));
      const { errors } = h.watch(io);
      assert.equal((await closing(io)).by, 'error');
      assert.equal(errors.values.length, 1);
    }),
  );

  it(
    'is not asked for ECLOSED, which is never fatal',
    invariants(async (h) => {
      const [a, b] = joined(h, { isFatal: () => true }, { allowHalfOpen: true });
      const { errors } = h.watch(a);
      h.observed(b.data$);
      a.end();
      a.write('x');
      await ticks();
      h.error(errors.values[0], { code: ECLOSED });
      assert.equal(a.state, 'open');
    }),
  );

  it(
    'that throws closes the stream and is reported',
    invariants(async (h) => {
      const reported = unhandled(h);
      const thrown = new Error('mine');
      const [a, b] = joined(h, {
        timeouts: { idle: 10 },
        isFatal: () => {
          throw thrown;
        },
      });
      h.watch(b);
      const report = await closing(a);
      assert.deepEqual([report.by, report.error], ['error', thrown]);
      await h.until(() => reported.length === 1);
      assert.equal(reported[0], thrown);
    }),
  );
});

describe('a fatal error that nobody handles', () => {
  it(
    'goes to config.onUnhandledError once, and is never a bare socket error',
    invariants(async (h) => {
      const reported = unhandled(h);
      owned(h, new IOStream(refused));
      await h.until(() => reported.length > 0);
      await turns();
      assert.equal(reported.length, 1);
      h.error(reported[0], { code: 'ECONNREFUSED' });
    }),
  );

  it(
    'is an uncaught exception without config.onUnhandledError',
    invariants(
      async (h) => {
        const [io] = owned(h, new IOStream(refused));
        await h.until(() => io.state === 'closed');
        await turns(30);
      },
      { uncaught: (error) => (error as IOStreamError).code === 'ECONNREFUSED' },
    ),
  );

  it(
    'is handled by cb, by a subscriber of errors$, data$ or closed$, by consume, send and iteration',
    invariants(async (h) => {
      const reported = unhandled(h);
      const quiet = { error: (): void => {} };
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
          io.data$.subscribe(quiet);
          return io;
        },
        (options) => {
          const io: IOStream = new IOStream(options);
          io.consume(() => []).subscribe(quiet);
          return io;
        },
        (options) => {
          const io: IOStream = new IOStream(options);
          io.send(['x']).subscribe(quiet);
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
        const io = make(refused);
        owned(h, io);
        await h.until(() => io.state === 'closed');
      }
      await turns(30);
      assert.deepEqual(reported, []);
    }),
  );

  it(
    'is not handled by events$, onEvent or a subscriber that left',
    invariants(async (h) => {
      const reported = unhandled(h);
      const [io] = owned(h, new IOStream({ ...refused, onEvent: () => {} }));
      io.events$.subscribe();
      io.errors$.subscribe().unsubscribe();
      io.data$.subscribe().unsubscribe();
      io.closed$.subscribe().unsubscribe();
      await h.until(() => reported.length > 0);
      await turns();
      assert.equal(reported.length, 1);
    }),
  );

  it(
    'does not touch other streams',
    invariants(async (h) => {
      const reported = unhandled(h);
      const [a, b] = joined(h);
      const seen = h.observed(b.data$);
      const [io] = owned(h, new IOStream(refused));
      await h.until(() => io.state === 'closed');
      a.end('still here');
      h.sameBytes((await seen.ended).values, 'still here');
      await h.until(() => reported.length === 1);
    }),
  );

  it(
    'that is not fatal is nobody’s concern',
    invariants(async (h) => {
      const reported = unhandled(h);
      const [a] = joined(h, { waitFor: 0, timeouts: { idle: 5 } }, { allowHalfOpen: true });
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(a.state, 'open');
      assert.deepEqual(reported, []);
    }),
  );

  it(
    'of a socket that fails after the stream is closed reaches nobody',
    invariants(async (h) => {
      const reported = unhandled(h);
      const port = await serve(h, (socket) => setImmediate(() => socket.resetAndDestroy()));
      const socket = connect(port, '127.0.0.1');
      const [io] = owned(h, new IOStream({ fh: socket }));
      io.write('x');
      io.close();
      await closing(io);
      await turns(30);
      assert.deepEqual(reported, []);
    }),
  );
});

describe('wrong arguments', () => {
  it(
    'throw a TypeError synchronously at the call, and nothing is started',
    invariants((h) => {
      const { wire, down } = scripted();
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
        assert.throws(() => new IOStream(wrong as never), { name: 'TypeError', message: /^(usage: |unknown option `)/ });
      }
      const [io] = owned(h, new IOStream({ wire, Own: 1 }));
      assert.equal(io.Own, 1);
      assert.throws(() => io.read(-1), TypeError);
      assert.throws(() => io.read(1.5), TypeError);
      assert.throws(() => (io.waitFor = 64), TypeError);
      assert.throws(() => (io.inBufLimit = -1), TypeError);
      assert.throws(() => (io.cb = 5 as never), TypeError);
      assert.throws(() => (io.inBuf = 5 as never), TypeError);
      assert.deepEqual(down, []);
    }),
  );
});
