import { connect as dial, type AddressInfo, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { privateEnd, publicEnd } from '../../examples/mux-tunnel.ts';
import type { Target } from '../../examples/support/target.ts';
import type { Harness } from '../support/harness.ts';
import { allOf, pattern, served } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

const anywhere = { host: '127.0.0.1', port: 0 };

function client(h: Harness, port: number): Socket {
  const socket = dial({ host: '127.0.0.1', port, allowHalfOpen: true });
  h.defer(() => socket.destroy());
  return socket.on('error', () => {});
}

/** Both ends of a tunnel to a service. */
async function tunnel(h: Harness, service: (socket: Socket) => unknown) {
  const target = (await served(h, service)) as Target;
  const ends = await h.observed(publicEnd({ links: anywhere, open: anywhere })).value();
  const [links, clients] = [ends.links, ends.clients].map(({ address }) => (address as AddressInfo).port) as [number, number];
  const errors = h.observed(ends.clients.errors$);
  const inner = h.observed(privateEnd({ to: { host: '127.0.0.1', port: links }, target }));
  await h.until(() => ends.links.size === 1);
  return { port: clients, links: ends.links, errors, inner };
}

describe('mux-tunnel', () => {
  spec('carries many clients over one link, with half-close', async (h) => {
    const { port, links } = await tunnel(h, (socket) => socket.pipe(socket));
    const sent = Array.from({ length: 10 }, (_, at) => pattern(300_000 + at));
    const received = await Promise.all(
      sent.map((bytes) => {
        const socket = client(h, port);
        const answer = allOf(socket);
        socket.end(bytes);
        return answer;
      }),
    );
    for (const [at, bytes] of sent.entries()) h.sameBytes(received[at]!, bytes);
    expect(links.size).toBe(1);
  });

  spec('resets a client whose service resets, and serves the next one', async (h) => {
    let count = 0;
    const { port } = await tunnel(h, (socket) => {
      count += 1;
      if (count === 1) socket.once('data', () => socket.resetAndDestroy());
      else socket.pipe(socket);
    });
    const first = client(h, port);
    first.write('x');
    await new Promise((resolve) => void first.on('close', resolve));
    expect(first.errored).toMatchObject({ code: 'ECONNRESET' });
    const second = client(h, port);
    const answer = allOf(second);
    second.end('goes on');
    h.sameBytes(await answer, 'goes on');
  });

  spec('resets clients when there is no link', async (h) => {
    const { port, links, errors, inner } = await tunnel(h, () => undefined);
    inner.unsubscribe();
    await h.until(() => links.size === 0);
    const socket = client(h, port);
    await new Promise((resolve) => void socket.on('close', resolve));
    await h.until(() => errors.values.some((error) => String(error).includes('no link')));
  });
});
