/* eslint-disable require-yield -- a talk may have nothing to read */
import { of } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { handshake } from '../../src/layers/handshake.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { throttleBytes } from '../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { trace } from '../../src/plugins/trace.ts';
import type { Plugin } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import { DirectDriver } from '../support/direct-driver.ts';
import { data, sent } from '../support/signal-text.ts';

const CONNECTIONS = 500;
const PLUGINS = 10;

/** Returns the heap of one connection, in bytes, after one chunk in each direction. */
async function heapOf(plugins: Readonly<Record<string, Plugin>>): Promise<number> {
  const open = (): DirectDriver => {
    const driver = new DirectDriver((wire) => stack(plugins, wire));
    driver.wire.connect();
    while (driver.wire.down.length > 0) driver.wire.emit(...driver.wire.down.splice(0).map(() => sent(1)));
    driver.app.next(data('a'));
    driver.wire.emit(sent(1), data('b'));
    driver.up.length = driver.wire.down.length = 0;
    return driver;
  };
  open();
  const before = await settled();
  const held = Array.from({ length: CONNECTIONS }, open);
  const after = await settled();
  return (after - before) / held.length;
}

async function settled(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  assert(gc, 'node runs with --expose-gc');
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  return process.memoryUsage().heapUsed;
}

describe('an idle connection', () => {
  it.each<[string, () => Plugin]>([
    ['a passthrough', passthrough],
    ['a finished handshake', () => handshake({ *talk() {} })],
    [
      'a handshake whose last bytes are sent',
      () =>
        handshake({
          *talk(link) {
            link.send('x');
          },
        }),
    ],
    ['throttleBytes with Infinity', () => throttleBytes({ rate: Infinity })],
    ['throttleBytes with an Observable of Infinity', () => throttleBytes({ rate: of(Infinity) })],
    ['a trace', () => trace({ sink: () => {}, bytes: 0 })],
  ])('keeps at most 300 bytes for each %s', async (_, make) => {
    const without = await heapOf({});
    const plugins = Object.fromEntries(Array.from({ length: PLUGINS }, (_each, at) => [`layer${at}`, make()]));
    const each = ((await heapOf(plugins)) - without) / PLUGINS;
    expect(each).toBeLessThanOrEqual(300);
  });
});
