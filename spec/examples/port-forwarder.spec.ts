import { connect as dial, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { portForwarder, type Counters, type PortForwarderOptions } from '../../examples/port-forwarder.ts';
import { socks5Server } from '../../examples/socks5-server.ts';
import type { Target } from '../../examples/support/target.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { allOf, deadPort, pattern, served } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

const host = '127.0.0.1';
const anywhere = { host, port: 0 };

async function forwarding(
  h: Harness,
  options: Omit<PortForwarderOptions, 'from'>,
): Promise<{ port: number; counters: ObserverSpy<Counters>; errors: ObserverSpy<unknown> }> {
  const { server, counters$ } = await h.observed(portForwarder({ from: anywhere, ...options })).value();
  return { port: (server.address as { port: number }).port, counters: h.observed(counters$), errors: h.observed(server.errors$) };
}

function client(h: Harness, port: number): Socket {
  const socket = dial({ host, port, allowHalfOpen: true });
  h.defer(() => socket.destroy());
  return socket.on('error', () => {});
}

const target = async (h: Harness, each: (socket: Socket) => unknown): Promise<Target> => (await served(h, each)) as Target;

describe('port-forwarder', () => {
  spec('relays many connections both ways, with half-close, and counts their bytes', async (h) => {
    const echo = await target(h, (socket) => socket.pipe(socket));
    const { port, counters } = await forwarding(h, { to: echo });
    const bytes = pattern(1_000_000);
    const sockets = Array.from({ length: 10 }, () => client(h, port));
    const answers = sockets.map(allOf);
    await h.until(() => counters.values.at(-1)?.open === 10);
    for (const socket of sockets) socket.end(bytes);
    for (const answer of answers) h.sameBytes(await answer, bytes);
    await h.until(() => counters.values.at(-1)?.open === 0);
    expect(counters.values.at(-1)).toStrictEqual({ open: 0, total: 10, there: 10_000_000, back: 10_000_000 });
  });

  spec('connects through a SOCKS5 proxy', async (h) => {
    const echo = await target(h, (socket) => socket.pipe(socket));
    const proxy = await h.observed(socks5Server({ local: true })).value();
    const { port } = await forwarding(h, { to: echo, proxy: { host, port: (proxy.address as { port: number }).port } });
    const socket = client(h, port);
    const answer = allOf(socket);
    socket.end('hello');
    h.sameBytes(await answer, 'hello');
  });

  spec('resets a client whose target resets or refuses, and serves the next one', async (h) => {
    const rude = await target(h, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    for (const [to, code] of [
      [rude, 'ECONNRESET'],
      [{ host, port: await deadPort() }, 'ECONNREFUSED'],
    ] as const) {
      const { port, counters, errors } = await forwarding(h, { to });
      for (const times of [1, 2]) {
        const socket = client(h, port);
        const ended = new Promise((resolve) => socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code)));
        socket.resume().write('x');
        expect(await ended).toBe('ECONNRESET');
        await h.until(() => errors.values.length === times);
        h.error(errors.values.at(-1), { code });
      }
      expect([counters.values.at(-1)?.open, counters.values.at(-1)?.total]).toStrictEqual([0, 2]);
    }
  });

  it('runs as a program that prints its counters, and stops at Ctrl-C', async () => {
    const { prints, interrupt } = runProgram('examples/port-forwarder.ts', '0', `${host}:${await deadPort()}`);
    const port = Number((await prints(/port: (\d+)/))[1]);
    dial({ host, port })
      .on('error', () => {})
      .resume();
    await prints(/a connection failed: .*ECONNREFUSED/);
    await prints(/0 open of 1, 0 bytes there, 0 bytes back\n/);
    const { code, stderr } = await interrupt();
    expect([code, stderr]).toStrictEqual([0, '']);
  });
});
