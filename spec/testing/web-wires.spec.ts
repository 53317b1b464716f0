import { describe } from 'vitest';
import { checkWire, type CheckWireOptions } from '../../src/testing/rules/check-wire.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import type { WebSocketConstructor } from '../../src/wire/web-socket/web-socket-like.ts';
import { tcpUnderTest } from '../support/net-peer.ts';
import { spec } from '../support/spec.ts';
import { denoLike, duplexToWeb, overWebStreams, transformPairUnderTest, webSocketUnderTest, winterLike } from '../support/web-peers.ts';

/** A WebSocket without `halfClose` has no half-close: rule 4. */
const WITHOUT_HALF_CLOSE = [1, 2, 3, 5, 6, 7, 8, 10, 11, 12];
const halfClose = { halfClose: true };

/** The global WebSocket of Node, from 22 on. */
const Global = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;

type Row = readonly [make: () => WireUnderTest | Promise<WireUnderTest>, options?: CheckWireOptions];

/** `Duplex.toWeb` of Node ends its readable when both directions have ended, and knows no reset. */
const WITHOUT_NODE_HALF_CLOSE = [1, 3, 6, 7, 8, 10, 11, 12];

/** Every wire of the Web. */
const WIRES: Readonly<Record<string, Row>> = {
  'webStreams over a pair of TransformStreams': [transformPairUnderTest, { sentEvery: 65_536 }],
  'webStreams over a socket like that of WinterTC': [async () => overWebStreams(await tcpUnderTest(), winterLike), { sentEvery: 65_536 }],
  'webStreams over a socket like Deno.Conn': [async () => overWebStreams(await tcpUnderTest(), denoLike), { sentEvery: 65_536 }],
  'webStreams over Duplex.toWeb of a socket': [
    async () => overWebStreams(await tcpUnderTest(), duplexToWeb),
    { rules: WITHOUT_NODE_HALF_CLOSE, resets: false },
  ],
  'webSocket, dialled by ws': [() => webSocketUnderTest('client'), { rules: WITHOUT_HALF_CLOSE }],
  'webSocket, accepted by ws': [() => webSocketUnderTest('server'), { rules: WITHOUT_HALF_CLOSE, singleUse: true }],
  'webSocket with halfClose, dialled by ws': [() => webSocketUnderTest('client', halfClose)],
  'webSocket with halfClose, accepted by ws': [() => webSocketUnderTest('server', halfClose), { singleUse: true }],
};

if (Global) {
  Object.assign(WIRES, {
    'webSocket, dialled by Node': [() => webSocketUnderTest('client', {}, Global), { rules: WITHOUT_HALF_CLOSE }],
    'webSocket with halfClose, dialled by Node': [() => webSocketUnderTest('client', halfClose, Global)],
  });
}

describe('checkWire', () => {
  for (const [name, [make, options]] of Object.entries(WIRES)) {
    spec(
      `finds that ${name} keeps the rules of a wire`,
      async () => {
        // 10,000 chunks each way take more than the default on a busy machine.
        (await checkWire(make, { timeout: 20_000, ...options })).assert();
      },
      { timeout: 120_000 },
    );
  }
});
