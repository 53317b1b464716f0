import { strict as assert } from 'node:assert';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createRequire } from 'node:module';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import * as library from 'rxjs-io-stream';
import { connect, CONNECTED, EOF, IN, IOStream, open, SENT } from 'rxjs-io-stream';
import { deadPort, dial, failureOf, HOST, lookup, peer, serve, settled, NotApplicable, textOf, until } from '../support.mjs';

const MIB = 2 ** 20;
const path = (name) => join(tmpdir(), `io-stream-${name}-${process.pid}.sock`);

/** Counts what a paused peer has received since it was resumed. */
async function pausedPeer(t) {
  const state = { socket: undefined, received: 0 };
  state.at = await peer(t, (socket) => {
    state.socket = socket.pause();
    socket.on('data', (bytes) => (state.received += bytes.length));
    socket.pause();
  });
  return state;
}

export const name = 'Sockets';

export const checks = {
  'loads each door by import and by require, with the same names': async () => {
    const require = createRequire(import.meta.url);
    for (const door of ['rxjs-io-stream', 'rxjs-io-stream/testing', 'rxjs-io-stream/codecs', 'rxjs-io-stream/web', 'rxjs-io-stream/nats'])
      assert.deepEqual(Object.keys(require(door)).sort(), Object.keys(await import(door)).sort(), door);
  },

  'sends and receives, and completes when the peer ends': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, at);
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'emits what a handler of connect returns, then completes': async (t) => {
    const { at } = await serve(t, (io) => io.send(['one ', 'two']));
    const chunks = await lastValueFrom(connect(at, (io) => io.data$).pipe(toArray()));
    assert.equal(Buffer.concat(chunks).toString(), 'one two');
  },

  'still reads after it has ended its own direction': async (t) => {
    const at = await peer(t, (socket) => socket.on('end', () => socket.end('after your end')).resume());
    const io = await dial(t, at);
    io.end('x');
    assert.equal(await textOf(io), 'after your end');
  },

  'still writes after the peer has ended its direction': async (t) => {
    let received = '';
    const at = await peer(t, (socket) => socket.on('data', (bytes) => (received += bytes)).end('first'));
    const io = await dial(t, { ...at, allowHalfOpen: true });
    assert.equal(await textOf(io), 'first');
    io.end('still here');
    await until(() => received === 'still here', 'the bytes after EOF');
  },

  'calls the callback with the events of manual mode': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const seen = await new Promise((resolve, reject) => {
      let masks = 0;
      const io = new IOStream({
        ...at,
        waitFor: CONNECTED | IN | SENT | EOF,
        inBufLimit: 100,
        cb: (each, mask, error) => {
          if (error) reject(error);
          masks |= mask;
          if (mask & CONNECTED) each.end('hello');
          if (mask & EOF) resolve([masks, each.inBuf.toString()]);
        },
      });
      t.defer(() => io.reset());
    });
    assert.deepEqual(seen, [CONNECTED | IN | SENT | EOF, 'hello']);
  },

  'tries the next address of a name when one refuses': async (t) => {
    const at = await peer(t, (socket) => socket.end('here'));
    const both = (_host, _options, done) =>
      done(null, [
        { address: '127.0.0.2', family: 4 },
        { address: HOST, family: 4 },
      ]);
    const io = await dial(t, { host: 'two.test', port: at.port, lookup: both });
    assert.equal(io.remoteAddress ?? io.ip, HOST);
    assert.equal(await textOf(io), 'here');
  },

  'resolves a name with the resolver of the runtime': async (t) => {
    const { port } = await peer(t, (socket) => socket.end('here'));
    assert.equal(await textOf(await dial(t, { host: 'localhost', port, family: 4 })), 'here');
  },

  'reports ECONNREFUSED when nothing listens': async () => {
    const { code, phase } = await failureOf(open({ host: HOST, port: await deadPort() }));
    assert.deepEqual([code, phase], ['ECONNREFUSED', 'connect']);
  },

  'reports the code of a failed lookup': async () => {
    const missing = (_host, _options, done) => done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    const { code, phase, cause } = await failureOf(open({ host: 'missing.test', port: 1, lookup: missing }));
    assert.deepEqual([code, phase, cause.code], ['EDNS', 'resolve', 'ENOTFOUND']);
  },

  'dials no address that the guard refuses': async (t) => {
    let accepted = 0;
    const { port } = await peer(t, () => (accepted += 1));
    const { code } = await failureOf(open({ host: 'inside.test', port, lookup, guard: library.publicOnly() }));
    assert.deepEqual([code, accepted], ['EBLOCKED', 0]);
  },

  'reports ECONNRESET after the bytes before it': async (t) => {
    const at = await peer(t, (socket) => socket.once('data', () => socket.once('data', () => socket.resetAndDestroy()).write('last')));
    const io = await dial(t, at);
    io.write('1');
    const reading = io[Symbol.asyncIterator]();
    assert.equal((await reading.next()).value.toString(), 'last');
    io.write('2');
    assert.equal((await failureOf(reading.next())).code, 'ECONNRESET');
  },

  'resets the connection on reset()': async (t) => {
    let failure;
    const at = await peer(t, (socket) => socket.on('error', (error) => (failure = error.code)).write('hello'));
    const io = await dial(t, at);
    await firstValueFrom(io.data$);
    io.reset();
    await until(() => failure !== undefined, 'the RST');
    assert.equal(failure, 'ECONNRESET');
  },

  'sends no faster than the peer reads': async (t) => {
    const far = await pausedPeer(t);
    const chunk = Buffer.alloc(256 * 1024);
    let pulled = 0;
    const source = (function* () {
      for (; pulled < 64 * MIB; pulled += chunk.length) yield chunk;
    })();
    const io = await dial(t, far.at);
    const sending = lastValueFrom(io.send(source));
    const stalled = await settled(() => pulled);
    assert.ok(stalled < 32 * MIB, `pulled ${stalled} bytes while the peer reads nothing`);
    far.socket.resume();
    assert.equal(await sending, 64 * MIB);
    await until(() => far.received === 64 * MIB, `all bytes at the peer; ${far.received} have arrived`);
  },

  'reads no faster than the application': async (t) => {
    const chunk = Buffer.alloc(256 * 1024);
    let written = 0;
    const at = await peer(t, (socket) => {
      const write = () => {
        while (written < 64 * MIB) {
          written += chunk.length;
          if (!socket.write(chunk)) return;
        }
        socket.end();
      };
      socket.on('drain', write);
      write();
    });
    const io = await dial(t, at);
    const stalled = await settled(() => written);
    assert.ok(stalled < 32 * MIB, `the peer has written ${stalled} bytes while the application reads nothing`);
    let received = 0;
    for await (const bytes of io) received += bytes.length;
    assert.equal(received, 64 * MIB);
  },

  'transfers 8 MiB both ways unchanged': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const sent = randomBytes(8 * MIB);
    const io = await dial(t, at);
    io.end(sent);
    const [expected, received] = [createHash('sha256').update(sent).digest('hex'), createHash('sha256')];
    for await (const bytes of io) received.update(bytes);
    assert.equal(received.digest('hex'), expected);
  },

  'connects through a UNIX socket': async (t) => {
    const at = { path: path('unix') };
    t.defer(() => rmSync(at.path, { force: true }));
    await serve(t, (io) => io.send(io), at);
    const io = await dial(t, at);
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'connects through an abstract UNIX socket': async (t) => {
    if (process.platform !== 'linux') throw new NotApplicable('only Linux has abstract UNIX sockets');
    const at = { path: `\0io-stream-${process.pid}` };
    await serve(t, (io) => io.send(io), at);
    const io = await dial(t, at);
    io.end('hello');
    assert.equal(await textOf(io), 'hello');
  },

  'times out when nothing is read or written': async (t) => {
    const io = await dial(t, { ...(await peer(t, () => {})), timeouts: { idle: 50 } });
    assert.equal((await failureOf(textOf(io))).code, 'ETOIDLE');
  },

  'reports how the stream ended, and its bytes': async (t) => {
    const { at } = await serve(t, (io) => io.send(io));
    const io = await dial(t, at);
    io.end('hello');
    await textOf(io);
    const { by, bytesIn, bytesOut, unsent, error } = await firstValueFrom(io.closed$);
    assert.deepEqual([bytesIn, bytesOut, unsent, error], [5, 5, 0, undefined], by);
  },
};
