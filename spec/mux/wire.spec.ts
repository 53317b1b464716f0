import { once } from 'node:events';
import { createServer, connect as netConnect, type AddressInfo, type Socket } from 'node:net';
import { describe } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { mux, type Mux } from '../../src/mux/mux.ts';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { checkWire } from '../../src/testing/rules/check-wire.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { AcceptedPeers } from '../support/accepted-peers.ts';
import { spec } from '../support/spec.ts';

/** The wire of a mux, and access to the streams that the other mux accepts. */
function underTest(below: readonly [IOStream, IOStream], free: () => void): WireUnderTest {
  const peers = new AcceptedPeers();
  const link: Mux = mux(below[0], { role: 'client', keepAlive: false });
  const far = mux(below[1], {
    role: 'server',
    keepAlive: false,
    streams: { allowHalfOpen: true, outBufLimit: 0, plugin: { p: passthrough() } },
  });
  far.errors$.subscribe(); // Handles the resets.
  far.connections$.subscribe((io) => peers.add(io));
  return { wire: link.wire(), dial: testDial(), peer: () => peers.next(), dialled: () => peers.total, free };
}

describe('the wire of a mux', () => {
  spec('keeps the rules of a wire, over a memory pair', async () => {
    const make = (): WireUnderTest => {
      const [a, b] = memoryPair();
      const below = [new IOStream({ wire: a }), new IOStream({ wire: b })] as const;
      return underTest(below, () => below[0].reset());
    };
    (await checkWire(make, { sentEvery: 64 * 1024, timeout: 20_000 })).assert();
  });

  spec('keeps the rules of a wire, over TCP', async () => {
    const make = async (): Promise<WireUnderTest> => {
      const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const accepting = once(server, 'connection') as Promise<[Socket]>;
      const near = netConnect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
      const [far] = await accepting;
      const below = [new IOStream({ fh: near }), new IOStream({ fh: far })] as const;
      return underTest(below, () => {
        for (const io of below) io.reset();
        server.close();
      });
    };
    (await checkWire(make, { sentEvery: 64 * 1024, timeout: 20_000 })).assert();
  });
});
