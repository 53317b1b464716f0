import * as certificates from '../support/certificates.ts';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { handshake } from '../../src/layers/handshake.ts';
import { mapBytes } from '../../src/layers/map-bytes.ts';
import { transform, type Transformer } from '../../src/layers/transform.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { rc4 } from '../../src/plugins/rc4.ts';
import { throttleBytes } from '../../src/plugins/throttle-bytes/throttle-bytes.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { trace } from '../../src/plugins/trace.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { chaos } from '../../src/testing/chaos/chaos.ts';
import { memoryPair, type MemoryPairOptions } from '../../src/testing/memory/memory-pair.ts';
import { randomOf } from '../../src/testing/random-of.ts';
import { Endpoint } from '../../src/testing/rules/endpoint.ts';
import { scriptedPeer } from '../../src/testing/rules/scripted-peer.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Plugin, Wire } from '../../src/wire/signal.ts';
import { assertSameBytes } from '../support/assert-same-bytes.ts';
import { spec } from '../support/spec.ts';
import { greeter, greeterScript } from './plugins.ts';

const STACKS = 200;
const LAYERS = 4;
const MIB = 2 ** 20;
const SEED = 2026;

const proxy = { host: 'localhost', port: 1 };

/** A proxy that accepts every request. */
const server = (talk: (link: Link) => Talk<void>): Plugin => handshake({ talk });

function* tunnel(link: Link): Talk<void> {
  yield* link.readUntil('\r\n\r\n', 4096);
  link.send('HTTP/1.1 200 OK\r\n\r\n');
}

/** SOCKS 4a: the host name follows the user id. */
function* socks4Server(link: Link): Talk<void> {
  yield* link.read(8);
  yield* link.readUntil('\0', 256);
  yield* link.readUntil('\0', 256);
  link.send(Uint8Array.of(0, 90, 0, 0, 0, 0, 0, 0));
}

function* socks5Server(link: Link): Talk<void> {
  const [, methods = 0] = yield* link.read(2);
  yield* link.read(methods);
  link.send(Uint8Array.of(5, 0));
  const [length = 0] = (yield* link.read(5)).subarray(4);
  yield* link.read(length + 2);
  link.send(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
}

/** A stream cipher: its key stream continues from chunk to chunk. */
const keyStream = (): ((bytes: Uint8Array) => Uint8Array) => {
  let key = 0;
  return (bytes) => {
    const mixed = new Uint8Array(bytes.length);
    for (let at = 0; at < bytes.length; at += 1) mixed[at] = (bytes[at] ?? 0) ^ (key = (key * 5 + 3) & 0xff);
    return mixed;
  };
};
const cipher: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(mapBytes(keyStream), wire(dial), mapBytes(keyStream));

/** Frames: a length of two bytes, then the body. */
const framing: Plugin = transform({
  down: () => ({
    *push(bytes) {
      for (let at = 0; at < bytes.length; at += 0xffff) {
        const body = bytes.subarray(at, at + 0xffff);
        yield Uint8Array.of(body.length >> 8, body.length & 0xff);
        yield body;
      }
    },
  }),
  up: () => {
    let [head, left]: [number[], number] = [[], 0];
    return {
      *push(bytes) {
        let rest = bytes;
        while (rest.length > 0) {
          if (left === 0) {
            head.push(rest[0] ?? 0);
            rest = rest.subarray(1);
            if (head.length < 2) continue;
            left = ((head[0] ?? 0) << 8) | (head[1] ?? 0);
            head = [];
            continue;
          }
          const part = rest.subarray(0, left);
          left -= part.length;
          rest = rest.subarray(part.length);
          yield part;
        }
      },
    } satisfies Transformer;
  },
});

/** Each layer of the library, and its counterpart at the other end. */
const LAYER: Readonly<Record<string, (seed: number) => readonly [near: Plugin, far: Plugin]>> = {
  passthrough: () => [passthrough(), passthrough()],
  mapBytes: () => [cipher, cipher],
  transform: () => [framing, framing],
  handshake: () => [greeter(), scriptedPeer(greeterScript)],
  rc4: (seed) => [rc4(`key ${seed}`), rc4(`key ${seed}`)],
  httpProxy: () => [httpProxy(proxy), server(tunnel)],
  socks4: () => [socks4(proxy), server(socks4Server)],
  socks5: () => [socks5(proxy), server(socks5Server)],
  tls: () => [tlsClient({ ca: certificates.ca }), tlsServer(certificates.server)],
  throttleBytes: () => [throttleBytes({ rate: 2 ** 28 }), throttleBytes({ rate: 2 ** 28, direction: 'up' })],
  trace: () => [trace({ sink: () => undefined, bytes: 16 }), trace({ sink: () => undefined, bytes: 0 })],
  chaos: (seed) => [chaos({ seed, cut: 0.001, partialWrite: 20_000 }), chaos({ seed: seed + 1, cut: 0.001, coalesce: 0 })],
};

/** Yields stacks as lists of layer names, nearest the application first; all stacks of one seed differ. */
function* stacksOf(seed: number, count: number): Generator<readonly string[]> {
  const random = randomOf(seed);
  const names = Object.keys(LAYER);
  const seen = new Set<string>();
  while (seen.size < count) {
    const layers = Array.from({ length: 1 + Math.floor(random() * LAYERS) }, () => names[Math.floor(random() * names.length)] ?? '');
    if (seen.has(layers.join())) continue;
    seen.add(layers.join());
    yield layers;
  }
}

const randomBytes = (length: number, seed: number): Uint8Array => {
  const random = randomOf(seed);
  const words = Uint32Array.from({ length: length / 4 }, () => random() * 2 ** 32);
  return new Uint8Array(words.buffer);
};
const [DOWN, UP] = [randomBytes(MIB, 1), randomBytes(MIB, 2)];

/** Writes all bytes in chunks of random size, waits while it is paused, then ends. */
function feed(end: Endpoint, bytes: Uint8Array, seed: number, longest: number): void {
  const random = randomOf(seed);
  let isFeeding = false;
  const writeMore = (): void => {
    if (isFeeding || !end.isConnected) return;
    isFeeding = true;
    while (!end.isPaused && end.written < bytes.length) {
      const at = end.written;
      end.write(bytes.subarray(at, at + 1 + Math.floor(random() ** 3 * longest)));
      if (end.written === bytes.length) end.end();
    }
    isFeeding = false;
  };
  end.onSignal = writeMore;
}

interface Transfer extends MemoryPairOptions {
  readonly seed: number;
  /** Maximum length of a chunk. */
  readonly longest?: number;
}

/** Transfers 1 MiB each way through a stack; throws unless all bytes arrive, `sent` reports all, and both ends complete. */
async function transfer(layers: readonly string[], { seed, longest = 100_000, ...pair }: Transfer): Promise<void> {
  const violations: string[] = [];
  const onViolation = (rule: number, problem: string): void => void violations.push(`rule ${rule}: ${problem}`);
  const [app, far] = [new Endpoint(onViolation), new Endpoint(onViolation)];
  const [a, b] = memoryPair({ seed, ...pair });
  const pairs = layers.map((name, at) => LAYER[name]?.(seed + at) ?? expect.unreachable(name));
  const stacked = (wire: Wire, side: 0 | 1): Wire => pairs.reduceRight((below, each) => each[side](below), wire);
  feed(app, DOWN, seed, longest);
  feed(far, UP, seed + 1, longest);
  const dial = testDial({ to: { host: 'localhost', port: 7 } });
  far.dial(stacked(b, 1), dial);
  app.dial(stacked(a, 0), dial);
  try {
    const end = performance.now() + 60_000;
    while (!(app.isClosed && far.isClosed) && performance.now() < end) await turn();
    const states = `app ${app.state} ${String(app.error)}, ${app.received} bytes; far ${far.state} ${String(far.error)}, ${far.received} bytes`;
    expect([app.state, far.state], states).toStrictEqual(['complete', 'complete']);
    assertSameBytes(far.bytes, DOWN);
    assertSameBytes(app.bytes, UP);
    expect([app.sent, far.sent], 'sent').toStrictEqual([MIB, MIB]);
    for (const each of [app, far]) each.checkMutations();
    expect(violations).toStrictEqual([]);
  } finally {
    app.unsubscribe();
    far.unsubscribe();
  }
}

describe('stacks of plugins', () => {
  spec(
    `carry 1 MiB each way: ${STACKS} of up to ${LAYERS} layers, seed ${SEED}`,
    async () => {
      const used = new Map<string, number>();
      const depths = [0, 0, 0, 0];
      let seed = SEED;
      for (const layers of stacksOf(SEED, STACKS)) {
        seed += 10;
        await transfer(layers, { seed }).catch((error: unknown) => {
          throw new Error(`the stack ${layers.join(' over ')}, seed ${seed}: ${String(error)}`, { cause: error });
        });
        depths[layers.length - 1] = (depths[layers.length - 1] ?? 0) + 1;
        for (const name of layers) used.set(name, (used.get(name) ?? 0) + 1);
      }
      console.log(
        `${STACKS} stacks, of 1 to ${LAYERS} layers: ${depths.join(', ')}; ${[...used].map(([name, count]) => `${name} ${count}`).join(', ')}`,
      );
      expect([...used.keys()].sort()).toStrictEqual(Object.keys(LAYER).sort());
    },
    { timeout: 180_000 },
  );

  const bytewise = ['rc4', 'transform', 'socks5', 'passthrough'];
  spec(
    `carries 1 MiB each way in chunks of one byte: ${bytewise.join(' over ')}`,
    () => transfer(bytewise, { seed: SEED, cut: 1, longest: 1000 }),
    { timeout: 120_000 },
  );
});
