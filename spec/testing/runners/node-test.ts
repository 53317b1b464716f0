import { expect } from 'vitest';
// The testing tools in node:test. runners.spec.ts runs this file in a separate process.
import { test } from 'node:test';
import { handshake, lines, passthrough } from 'rxjs-io-stream';
import { checkCodec, checkPlugin, checkWire, marbles, memoryPair, rechunk, testDial, wirePeer } from 'rxjs-io-stream/testing';

const knock = handshake({
  *talk(link) {
    link.send('KNOCK\n');
    yield* link.readUntil('\n', 256);
  },
});

void test('marbles', () => {
  const values = { k: 'KNOCK\n', w: 'COME IN\n', h: 'hello' };
  marbles({ plugin: knock, values, diagram: 'app: --h\nto wire: -k--h\nwire: -C--w\nto app: ----C' });
  expect(() => marbles({ plugin: passthrough(), diagram: 'wire: Ca\nto app: Cb' })).toThrow(/expected data <62>/);
});

void test('checks', async () => {
  (await checkPlugin(knock, [{ expect: 'KNOCK\n' }, { send: 'COME IN\n' }], { single: 5, random: 1, rules: [2, 9] })).assert();
  (await checkCodec(lines({ maxLength: 9 }), ['a', 'bc'], { corrupted: 10 })).assert();
  const make = () => {
    const [wire, other] = memoryPair();
    return { wire, dial: testDial(), peer: () => wirePeer(other, testDial()) };
  };
  (await checkWire(make, { singleUse: true, rules: [2, 4] })).assert();
});

void test('rechunk', () => {
  expect([...rechunk('abc', { random: 0 })].length).toBe(5);
});
