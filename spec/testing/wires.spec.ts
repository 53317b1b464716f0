import * as certificates from '../support/certificates.ts';
import { once } from 'node:events';
import { connect } from 'node:net';
import { asyncScheduler } from 'rxjs';
import { describe } from 'vitest';
import { overMessages } from '../../src/messages/over-messages.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { chaos } from '../../src/testing/chaos/chaos.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { checkWire, type CheckWireOptions } from '../../src/testing/rules/check-wire.ts';
import { wirePeer } from '../../src/testing/rules/wire-peer.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { fromFh } from '../../src/wire/fh/fh.ts';
import type { Plugin } from '../../src/wire/signal.ts';
import { testChannel } from '../messages/message-tools.ts';
import { tcpUnderTest, unixUnderTest } from '../support/net-peer.ts';
import { spec } from '../support/spec.ts';

const to = { host: 'localhost', port: 7 };
const pass = passthrough();

/** One end of a memory pair, with plugins at both ends. */
const pairUnderTest =
  (near: Plugin = pass, far: Plugin = pass) =>
  (): WireUnderTest => {
    const [wire, other] = memoryPair();
    return { wire: near(wire), dial: testDial({ to }), peer: () => wirePeer(far(other), testDial({ to })) };
  };

/** One end of a channel of messages. */
function messagesUnderTest(when: 'later' | 'inside'): WireUnderTest {
  const { ends } = testChannel({ scheduler: asyncScheduler, when });
  return { wire: overMessages(ends[0]), dial: testDial(), peer: () => wirePeer(overMessages(ends[1]), testDial()) };
}

/** A socket that is already connected. */
async function fhUnderTest(make: () => Promise<WireUnderTest>): Promise<WireUnderTest> {
  const { dialled: _dialled, ...made } = await make();
  const socket = connect({ ...made.dial.to!, allowHalfOpen: true });
  await once(socket, 'connect');
  const free = async (): Promise<void> => {
    socket.destroy();
    await made.free?.();
  };
  return { ...made, wire: fromFh(socket), dial: testDial(), free };
}

const sockets: CheckWireOptions = { sentEvery: 256 * 1024 };
const tls = [tlsClient({ ca: certificates.ca }), tlsServer(certificates.server)] as const;

/** Every wire of the library, and the kinds of stacks that are used as a wire. */
const WIRES: Readonly<Record<string, readonly [make: () => WireUnderTest | Promise<WireUnderTest>, options: CheckWireOptions]>> = {
  'one end of a memory pair': [pairUnderTest(), { singleUse: true }],
  'a memory pair under chaos': [pairUnderTest(chaos({ cut: 0.001, partialWrite: 50_000 })), { singleUse: true, volume: 2 ** 22 }],
  tcp: [tcpUnderTest, sockets],
  unix: [unixUnderTest, { ...sockets, resets: false }],
  'an fh, a TCP socket': [() => fhUnderTest(tcpUnderTest), { ...sockets, singleUse: true }],
  'an fh, a UNIX socket': [() => fhUnderTest(unixUnderTest), { ...sockets, singleUse: true, resets: false }],
  'messages, delivered in later ticks': [() => messagesUnderTest('later'), { ...sockets, singleUse: true }],
  'messages, delivered from inside send': [() => messagesUnderTest('inside'), { ...sockets, singleUse: true }],
  'a TLS client': [pairUnderTest(...tls), { singleUse: true }],
  'a TLS server': [pairUnderTest(tls[1], tls[0]), { singleUse: true }],
};

describe('checkWire', () => {
  for (const [name, [make, options]] of Object.entries(WIRES)) {
    spec(
      `finds that ${name} keeps the rules of a wire`,
      async () => {
        // 16 MiB each way take more than the default on a busy machine.
        (await checkWire(make, { timeout: 20_000, ...options })).assert();
      },
      { timeout: 120_000 },
    );
  }
});
