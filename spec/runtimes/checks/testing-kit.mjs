import { strict as assert } from 'node:assert';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { filter, lastValueFrom, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { connect, framed, fromFh, handshake, IOStream, lines, rc4, tcp } from 'rxjs-io-stream';
import {
  chaos,
  checkCodec,
  checkPlugin,
  checkWire,
  marbles,
  memoryPair,
  record,
  replay,
  testDial,
  toMarbles,
  wirePeer,
} from 'rxjs-io-stream/testing';
import { failureOf, peer, serve } from '../support.mjs';

const knock = handshake({
  *talk(link) {
    link.send('KNOCK\n');
    yield* link.readUntil('\n', 256);
  },
});
const diagram = (toApp) => `
  app:      ----h-----E-
  to wire:  -k----h---E-
  wire:     -C----w-E---
  to app:   ${toApp}
`;
const values = { k: 'KNOCK\n', w: 'COME IN\n', h: 'hello' };

/** A socket of the runtime as the other end of a wire under test. */
function socketPeer(socket) {
  const chunks = [];
  const state = { count: 0, ended: false, failed: false };
  socket
    .on('data', (chunk) => {
      chunks.push(chunk);
      state.count += chunk.length;
    })
    .on('end', () => (state.ended = true))
    .on('error', () => (state.failed = true));
  return {
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    received: () => Buffer.concat(chunks),
    count: () => state.count,
    ended: () => state.ended,
    failed: () => state.failed,
  };
}

/** A listener for `checkWire`, and the peers of its connections in the order in which they were accepted. */
async function listener(t) {
  const peers = [];
  const waiting = [];
  const at = await peer(t, (socket) => {
    const accepted = socketPeer(socket);
    const next = waiting.shift();
    if (next) next(accepted);
    else peers.push(accepted);
  });
  return { at, peer: async () => peers.shift() ?? new Promise((resolve) => waiting.push(resolve)) };
}

const sockets = { volume: 2 ** 24, sentEvery: 256 * 1024, timeout: 10_000 };

export const name = 'Testing kit';

export const checks = {
  'marbles: compares a conversation with its diagram': async () => {
    marbles({ plugin: knock, values, diagram: diagram('------C-E---') });
    const { message } = await failureOf(async () => marbles({ plugin: knock, values, diagram: diagram('-------C-E--') }));
    assert.match(message, /to app/);
  },

  'checkPlugin: finds no fault in a handshake and a cipher': async () => {
    const few = { single: 12, pairs: 0, random: 2, timeout: 20_000 };
    (await checkPlugin(knock, [{ expect: 'KNOCK\n' }, { send: 'COME IN\n' }], few)).assert();
    (await checkPlugin(rc4('key'), rc4('key'), { ...few, rules: [2, 3, 4, 5, 6, 7] })).assert();
  },

  'checkPlugin: finds the fault of a plugin that loses bytes': async () => {
    const losing = (wire) => (dial) => (flow$) => wire(dial)(flow$).pipe(filter((up) => up.kind !== 'data' || up.bytes.length > 1));
    const report = await checkPlugin(losing, losing, { rules: [2], single: 2, pairs: 0, random: 0, timeout: 100 });
    assert.equal(report.ok, false);
  },

  'checkCodec: finds no fault in lines': async () => {
    (await checkCodec(lines({ maxLength: 20 }), ['one', '', 'zwölf'], { tooLong: 'x'.repeat(21), random: 5 })).assert();
  },

  'checkWire: finds no fault in a memory pair': async () => {
    const make = () => {
      const [wire, other] = memoryPair();
      return { wire, dial: testDial(), peer: () => wirePeer(other, testDial()) };
    };
    (await checkWire(make, { singleUse: true, volume: 2 ** 20, timeout: 10_000 })).assert();
  },

  'checkWire: finds no fault in TCP': async (t) => {
    const make = async () => {
      const { at, peer } = await listener(t);
      return { wire: tcp(), dial: testDial({ to: at }), peer };
    };
    (await checkWire(make, sockets)).assert();
  },

  "checkWire: finds no fault in a socket of the runtime's `node:net`": async (t) => {
    const make = async () => {
      const { at, peer } = await listener(t);
      const socket = connectSocket({ ...at, allowHalfOpen: true });
      await once(socket, 'connect');
      return { wire: fromFh(socket), dial: testDial(), peer, free: () => void socket.destroy() };
    };
    (await checkWire(make, { ...sockets, singleUse: true })).assert();
  },

  'record, replay: plays a connection again': async (t) => {
    const { at } = await serve(t, (io) => io.send(['hello']));
    const recording = await new Promise((resolve, reject) => {
      const recorder = record({ sink: (each) => resolve(String(each)) });
      connect({ ...at, plugin: { recorder } }, (io) => io.data$).subscribe({ error: reject });
    });
    assert.deepEqual(toMarbles(recording).values, { a: 'hello' });
    const bytes = await lastValueFrom(connect({ wire: replay(recording) }, (io) => io.data$));
    assert.equal(bytes.toString(), 'hello');
  },

  'chaos: loses nothing when it cuts and delays': async () => {
    const [a, b] = memoryPair();
    const bad = chaos({ seed: 7, cut: 0.5, delay: 5, partialWrite: 3 });
    const { messages$ } = framed(new IOStream({ wire: b }), lines({ maxLength: 100 }));
    const received = lastValueFrom(messages$.pipe(toArray()));
    new IOStream({ wire: a, plugin: { bad } }).end('one\ntwo\nthree\n');
    assert.deepEqual(await received, ['one', 'two', 'three']);
  },

  'TestScheduler: an hour passes in no time': () => {
    const failures = [];
    const scheduler = new TestScheduler((actual, expected) => assert.deepEqual(actual, expected));
    scheduler.run(() => {
      const [wire] = memoryPair(); // the other end never answers
      const timeouts = { handshake: 3_600_000, establish: 7_200_000 };
      const attempt = connect({ wire, plugin: { knock }, timeouts, scheduler });
      attempt.subscribe({ error: ({ code }) => failures.push([code, scheduler.now()]) });
    });
    assert.deepEqual(failures, [['ETOHANDSHAKE', 3_600_000]]);
  },
};
