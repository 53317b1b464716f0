import { strict as assert } from 'node:assert';
import { connect as connectSocket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { filter, firstValueFrom, lastValueFrom, retry, take, tap, toArray } from 'rxjs';
import { backoff, connect, framed, lines, persistent, rc4, relay, throttleBytes, trace } from 'rxjs-io-stream';
import { deadPort, dial, failureOf, HOST, peer, serve, textOf, until } from '../support.mjs';

const maxLength = 100;

/** Forwards to an address. */
const forwarder = (t, to) => serve(t, (io) => connect(to, (other) => relay(io, other)), { allowHalfOpen: true });

export const name = 'Reconnecting, relay, plugins';

export const checks = {
  'persistent: goes on with the next connection': async (t) => {
    const { at } = await serve(t, (io) => {
      const { messages$, write } = framed(io, lines({ maxLength }));
      write('welcome');
      return messages$.pipe(
        take(1),
        tap((line) => write(`bye ${line}`)),
      );
    });
    const line = persistent(at, { initial: 10 });
    t.defer(() => line.close());
    const { messages$, write } = framed(line, lines({ maxLength }));
    write('you');
    assert.deepEqual(await lastValueFrom(messages$.pipe(take(3), toArray())), ['welcome', 'bye you', 'welcome']);
  },

  'persistent: keeps what was written until there is a server': async (t) => {
    const port = await deadPort();
    const line = persistent({ host: HOST, port }, { initial: 10, max: 20 });
    t.defer(() => line.close());
    line.write('kept');
    await firstValueFrom(line.status$.pipe(filter(({ state, attempt }) => state === 'waiting' && attempt > 1)));
    let received = '';
    await peer(t, (socket) => socket.on('data', (bytes) => (received += bytes)), { host: HOST, port });
    await until(() => received === 'kept', 'the kept bytes');
  },

  'persistent: reports what a lost connection has not sent': async (t) => {
    const at = await peer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const line = persistent(at, { initial: 10, attempts: 1, unsent: 'error', repeat: false });
    t.defer(() => line.close());
    const [unsent, ended] = [firstValueFrom(line.unsent$), failureOf(lastValueFrom(line.stream$))];
    await firstValueFrom(line.stream$);
    line.write('x'.repeat(32 * 2 ** 20));
    const { writes } = await unsent;
    assert.deepEqual([writes.length, writes[0].length, writes[0].kept], [1, 32 * 2 ** 20, false]);
    assert.equal((await ended).code, 'ECONNRESET');
  },

  'backoff: dials again until it succeeds, with growing delays': async (t) => {
    let attempts = 0;
    const at = await peer(t, (socket) => {
      attempts += 1;
      if (attempts < 3) socket.resetAndDestroy();
      else socket.end('third');
    });
    const bytes = connect(at, (io) => (io.write('x'), io.data$)).pipe(retry(backoff({ initial: 5, attempts: 5 })));
    assert.equal((await lastValueFrom(bytes)).toString(), 'third');
    const { delay } = backoff({ initial: 5, attempts: 1 });
    assert.equal((await failureOf(lastValueFrom(delay(new Error('last'), 1)))).message, 'last');
  },

  'relay: forwards both ways, and the ends': async (t) => {
    const { at } = await forwarder(t, await peer(t, (socket) => socket.pipe(socket)));
    const io = await dial(t, { ...at, allowHalfOpen: true });
    io.end('through the relay');
    assert.equal(await textOf(io), 'through the relay');
  },

  'relay: resets one side when the other is reset': async (t) => {
    const { at } = await forwarder(t, await peer(t, (socket) => socket.once('data', () => socket.resetAndDestroy())));
    let failure;
    const socket = connectSocket(at).on('error', (error) => (failure = error.code));
    socket.write('hello');
    await until(() => failure !== undefined, 'an error of the client');
    assert.equal(failure, 'ECONNRESET');
  },

  'relay: carries 16 MiB': async (t) => {
    const { at } = await forwarder(t, await peer(t, (socket) => socket.pipe(socket)));
    const io = await dial(t, { ...at, allowHalfOpen: true });
    const source = (function* () {
      for (let round = 0; round < 64; round += 1) yield new Uint8Array(2 ** 18).fill(round);
    })();
    const sending = lastValueFrom(io.send(source).pipe(tap({ complete: () => io.end() })));
    let received = 0;
    for await (const bytes of io) {
      assert.equal(bytes[0], received >> 18);
      received += bytes.length;
    }
    assert.deepEqual([received, await sending], [2 ** 24, 2 ** 24]);
  },

  'throttleBytes: takes the time of its rate': async (t) => {
    const { at } = await serve(t, (io) => io.send(['x'.repeat(30_000)]));
    const io = await dial(t, { ...at, plugin: { slow: throttleBytes({ rate: 100_000, burst: 10_000 }) } });
    const start = performance.now();
    assert.equal((await textOf(io)).length, 30_000);
    assert.ok(performance.now() - start > 150, 'it took less');
  },

  'rc4: encrypts both ways': async (t) => {
    let ciphertext = ''; // of a well-known test vector
    const { at } = await serve(t, (io) => io.send(io), { plugin: { rc4: rc4('Key') } });
    const plugin = { rc4: rc4('Key'), log: trace({ sink: (entry) => (ciphertext += entry) }) };
    const io = await dial(t, { ...at, plugin });
    io.end('Plaintext');
    assert.equal(await textOf(io), 'Plaintext');
    assert.match(ciphertext, /bb f3 16 e8 d9 40 af 0a\s+d3/);
  },
};
