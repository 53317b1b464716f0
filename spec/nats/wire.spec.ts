import { connect } from '@nats-io/transport-node';
import { expect } from 'vitest';
import { nats } from '../../src/nats/nats.ts';
import { natsListen } from '../../src/nats/nats-listen.ts';
import { checkWire } from '../../src/testing/rules/check-wire.ts';
import type { WireUnderTest } from '../../src/testing/rules/wire/wire-under-test.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { AcceptedPeers } from '../support/accepted-peers.ts';
import { spec } from '../support/spec.ts';
import { newSubject, subscriptionsOf } from './nats-tools.ts';

describePeer('the wire through NATS', 'nats-server', () => {
  const broker = started(startBroker);

  spec('keeps the rules of a wire, and leaves no subscription', async () => {
    const near = await connect({ servers: broker().url });
    const far = await connect({ servers: broker().url });
    const make = async (): Promise<WireUnderTest> => {
      const peers = new AcceptedPeers();
      const subject = newSubject();
      const options = { connection: far, subject, allowHalfOpen: true, outBufLimit: 0 };
      const free = await new Promise<() => void>((resolve, reject) => {
        const serving = natsListen(options).subscribe({
          next: (server) => {
            server.errors$.subscribe(); // Handles the resets.
            server.connections$.subscribe((io) => peers.add(io));
            resolve(() => serving.unsubscribe());
          },
          error: reject,
        });
      });
      return {
        wire: nats({ connection: near, subject }),
        dial: testDial(),
        peer: () => peers.next(),
        dialled: () => peers.total,
        free,
      };
    };
    (await checkWire(make, { sentEvery: 256 * 1024, timeout: 20_000 })).assert();
    expect([await subscriptionsOf(near), await subscriptionsOf(far)]).toEqual([0, 0]);
    await Promise.all([near.close(), far.close()]);
  });
});
