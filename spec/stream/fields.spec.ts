import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'vitest';
import { CONNECTED, handshake, IOStream, passthrough } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { invariants } from '../support/harness.ts';
import { closing, dialled, joined, owned, pattern, scripted, ticks } from './tools.ts';

describe('the fields of a stream', () => {
  it(
    'state goes from opening to open, closing and closed',
    invariants(async (h) => {
      const seen: string[] = [];
      const { io, socket } = await dialled(h, {
        onEvent: ({ io, mask }) => {
          if (mask === CONNECTED) seen.push(io.state);
        },
      });
      seen.push(io.state);
      io.close();
      seen.push(io.state);
      socket.resume().end();
      await closing(io);
      seen.push(io.state);
      assert.deepEqual(seen, ['open', 'open', 'closing', 'closed']);
    }),
  );

  it(
    'addresses are those of the socket, and undefined without one',
    invariants(async (h) => {
      const { io, socket } = await dialled(h);
      assert.deepEqual(
        [io.remoteAddress, io.remotePort, io.localAddress, io.localPort],
        ['127.0.0.1', socket.localPort, '127.0.0.1', socket.remotePort],
      );
      assert.equal(io.ip, '127.0.0.1');
      const [a] = joined(h);
      await ticks();
      assert.deepEqual([a.remoteAddress, a.remotePort, a.localAddress, a.localPort, a.ip, a.fh], Array(6).fill(undefined));
    }),
  );

  it(
    'details hold what each plugin learned, by name; plugin gives the plugins',
    invariants(async (h) => {
      const knock = handshake({
        *talk(link) {
          link.send('?');
          return { answer: String.fromCharCode(...(yield* link.read(2))) };
        },
      });
      const noop = passthrough();
      const [wireA, wireB] = memoryPair();
      const [a, b] = owned(h, new IOStream({ wire: wireA, plugin: { knock, noop } }), new IOStream({ wire: wireB }));
      assert.deepEqual([a.details, Object.keys(a.plugin)], [{}, ['knock', 'noop']]);
      assert.equal(a.plugin.knock, knock);
      assert.throws(() => ((a.plugin as Record<string, unknown>).x = noop), TypeError);
      const { events } = h.watch(a);
      b.write('ok and more');
      await events.value(({ mask }) => mask === CONNECTED);
      assert.equal(a.details.knock?.answer, 'ok');
      const rest = h.observed(a.data$);
      await rest.value();
      h.sameBytes(rest.values, ' and more');
    }),
  );

  it(
    'own fields are kept and typed',
    invariants((h) => {
      const { wire } = scripted();
      const list = [1];
      const [io] = owned(h, new IOStream({ wire, Count: 0, List: list }));
      io.Count += 1;
      const count: number = io.Count;
      assert.deepEqual([count, io.List === list], [1, true]);
      // @ts-expect-error there is no such field
      assert.equal(io.Other, undefined);
    }),
  );

  it(
    'read removes and returns bytes of inBuf; inBuf can be assigned',
    invariants(async (h) => {
      const [a, b] = joined(h);
      a.write('hello world');
      await h.until(() => b.inBuf.length === 11);
      assert.deepEqual([String(b.read(5)), String(b.inBuf)], ['hello', ' world']);
      assert.deepEqual([b.read(0).length, String(b.read(100)), b.inBuf.length, b.read().length], [0, ' world', 0, 0]);
      b.inBuf = 'text';
      const view = b.inBuf;
      assert.ok(Buffer.isBuffer(view));
      b.inBuf = new Uint8Array([65]);
      assert.deepEqual([String(view), String(b.inBuf)], ['text', 'A'], 'a view stays what it was');
    }),
  );

  it(
    'a look at inBuf costs no copy: 20,000 looks at 1 MiB',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [io] = owned(h, new IOStream({ wire, waitFor: 16, inBufLimit: 0 }));
      await ticks();
      up({ kind: 'data', bytes: pattern(2 ** 20) });
      const start = process.cpuUsage();
      let sum = 0;
      for (let each = 0; each < 20_000; each += 1) {
        up({ kind: 'data', bytes: pattern(1) });
        sum += io.inBuf.length;
      }
      const { user } = process.cpuUsage(start);
      assert.ok(sum > 20_000 * 2 ** 20 && user < 2_000_000, `${user / 1000} ms`);
    }),
  );

  it(
    'writes of one tick leave as one',
    invariants(async (h) => {
      const { wire, down } = scripted();
      const [io] = owned(h, new IOStream({ wire }));
      await ticks();
      for (let each = 0; each < 1000; each += 1) io.write('0123456789');
      await ticks();
      assert.deepEqual(
        down.map((signal) => (signal.kind === 'data' ? signal.bytes.length : signal.kind)),
        [10_000],
      );
    }),
  );

  it(
    'pause and resume go down once each, from inside a tick too',
    invariants(async (h) => {
      const { wire, down } = scripted();
      const [io] = owned(h, new IOStream({ wire }));
      h.observed(io.data$);
      io.pause();
      await ticks();
      io.pause();
      await ticks();
      io.resume();
      io.resume();
      await ticks();
      io.pause();
      io.resume();
      await ticks();
      assert.deepEqual(
        down.map(({ kind }) => kind),
        ['pause', 'resume', 'pause', 'resume'],
      );
    }),
  );

  it(
    'ref and unref reach the socket, asked for before it is there too',
    invariants(async (h) => {
      const { io } = await dialled(h);
      const socket = io.fh as Socket;
      const refs = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
      const before = refs();
      io.unref();
      assert.equal(refs(), before - 1);
      io.ref();
      assert.equal(refs(), before);
      assert.ok(socket);
      const early = new IOStream({ host: '127.0.0.1', port: io.remotePort ?? 0 });
      owned(h, early);
      early.unref();
      await h.until(() => early.state === 'open');
      await ticks();
      assert.equal(refs(), before + 1, 'the peer’s end of the second connection only');
    }),
  );

  it(
    'one stream for an fh: a second is refused until the first is closed',
    invariants(async (h) => {
      const { io } = await dialled(h);
      const { io: other } = await dialled(h);
      const fh = other.fh as Socket;
      other.reset();
      await closing(other);
      assert.throws(() => new IOStream({ fh }), { name: 'TypeError', message: /can't get file descriptor/ });
      assert.ok(io.fh);
    }),
  );

  it(
    'outBufLimit is checked like the option, and counts from then on',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [io] = owned(h, new IOStream({ wire, isFatal: () => false }));
      const { errors } = h.watch(io);
      await ticks();
      up({ kind: 'pause' });
      assert.equal(io.outBufLimit, 64 * 2 ** 20);
      io.write(pattern(100));
      io.outBufLimit = 100;
      assert.equal(io.outBufLimit, 100);
      assert.equal(io.write('x'), false);
      await ticks();
      h.error(errors.values[0], { code: 'EOUTBUFLIMIT' });
      io.outBufLimit = 0;
      assert.equal(io.write('x'), true);
      assert.equal(io.output.pending, 101);
      io.outBufLimit = undefined;
      assert.equal(io.outBufLimit, 64 * 2 ** 20);
      for (const wrong of [-1, 1.5, '5', null])
        assert.throws(() => (io.outBufLimit = wrong as number), /^TypeError: usage: .*`outBufLimit`/);
    }),
  );

  it(
    'outBufLimit tells blocked$ when it makes a difference',
    invariants(async (h) => {
      const { wire, up } = scripted();
      const [io] = owned(h, new IOStream({ wire }));
      await ticks();
      up({ kind: 'pause' });
      const blocked = h.observed(io.output.blocked$);
      io.write(pattern(100));
      io.outBufLimit = 50;
      io.outBufLimit = 1000;
      assert.deepEqual(blocked.values, [false, true, false]);
    }),
  );
});
