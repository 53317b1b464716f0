import { connect } from '@nats-io/transport-node';
import { connect as dial, type AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { inside, outside } from '../../examples/nats-tunnel.ts';
import type { Target } from '../../examples/support/target.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { allOf, pattern, served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

describePeer('nats-tunnel', 'nats-server', () => {
  const broker = started(startBroker);

  spec('carries clients to a service behind NATS and back, with half-close', async (h) => {
    const connections = [await connect({ servers: broker().url }), await connect({ servers: broker().url })] as const;
    h.defer(() => Promise.all(connections.map((each) => each.close())));
    const target = (await served(h, (socket) => socket.pipe(socket))) as Target;
    await h.observed(inside(connections[0], target)).value();
    const server = await h.observed(outside(connections[1], { host: '127.0.0.1', port: 0 })).value();
    const { port } = server.address as AddressInfo;
    const sent = Array.from({ length: 5 }, (_, at) => pattern(300_000 + at));
    const received = await Promise.all(
      sent.map((bytes) => {
        const socket = dial({ host: '127.0.0.1', port, allowHalfOpen: true });
        h.defer(() => socket.destroy());
        const answer = allOf(socket);
        socket.end(bytes);
        return answer;
      }),
    );
    for (const [at, bytes] of sent.entries()) h.sameBytes(received[at]!, bytes);
    await h.until(() => server.size === 0);
    expect(server.size).toBe(0);
  });
});
