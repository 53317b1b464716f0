import { connect as dial } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connect, listen, relay, sendProxyProtocol } from 'rxjs-io-stream';
import { behindHaproxy, type BehindHaproxyOptions } from '../../examples/behind-haproxy.ts';
import { client, portOf } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startProxyProtocol } from '../interop/peers/haproxy-proxy-protocol.ts';

const host = '127.0.0.1';

async function serving(
  h: Harness,
  options: BehindHaproxyOptions = {},
): Promise<{ port: number; log: string[]; errors: ObserverSpy<unknown> }> {
  const log: string[] = [];
  const server = await h.observed(behindHaproxy({ log: (line) => log.push(line), ...options })).value();
  return { port: portOf(server), log, errors: h.observed(server.errors$) };
}

/** A proxy of this library in front of a port. It connects from 127.0.0.1, and names the client as haproxy does. */
async function proxyTo(h: Harness, port: number): Promise<number> {
  const server = await h
    .observed(
      listen({ host, port: 0 }, (io) => {
        const header = sendProxyProtocol({ version: 2, onBehalfOf: io });
        return connect({ host, port, plugin: { header } }, (to) => relay(io, to));
      }),
    )
    .value();
  h.observed(server.errors$);
  return portOf(server);
}

/** Asks through a proxy, and expects answers with the address of the client. */
async function expectAnswers(h: Harness, proxy: number, log: readonly string[]): Promise<void> {
  const peer = await client(h, { host, port: proxy, localAddress: '127.0.0.5' });
  const own = `127.0.0.5 port ${peer.socket.localPort}`;
  peer.socket.write('one\ntwo\u0007\n');
  await h.until(() => peer.text.split('\n').length === 4, 'three lines');
  expect(peer.text).toBe(`hello ${own}\n${own}: one\n${own}: two\u0007\n`);
  peer.socket.end();
  await h.until(() => peer.ended && log.length === 4, 'closed');
  expect(log).toEqual([`${own}: connected by 127.0.0.1`, `${own}: one`, `${own}: two\\u{7}`, `${own}: closed`]);
}

describePeer('examples/behind-haproxy.ts behind haproxy', 'haproxy', () => {
  const haproxy = started(async () => {
    const backend = await deadPort();
    return { ...(await startProxyProtocol(backend, { checksHealth: true })), backend };
  });

  spec.each(['v1', 'v2', 'crc'] as const)('answers and logs the address of the client, by `%s`', async (h, name) => {
    const { backend, ports } = haproxy();
    const { log } = await serving(h, { port: backend });
    await expectAnswers(h, ports[name], log);
  });
});

describe('examples/behind-haproxy.ts', () => {
  spec('answers and logs the address of the client, behind a proxy of this library', async (h) => {
    const { port, log } = await serving(h);
    await expectAnswers(h, await proxyTo(h, port), log);
  });

  spec('serves 10 connections of a client at once, and another client too', async (h) => {
    const { port, errors } = await serving(h);
    const proxy = await proxyTo(h, port);
    const at = { host, port: proxy };
    const clients = await Promise.all(Array.from({ length: 30 }, () => client(h, at)));
    await h.until(() => clients.every(({ text, closed, ended }) => text !== '' || closed || ended), 'each is served or closed');
    expect(clients.filter(({ text }) => text.startsWith('hello')).length).toBe(10);
    const other = await client(h, { ...at, localAddress: '127.0.0.6' });
    await h.until(() => other.text.startsWith('hello 127.0.0.6'), 'served');
    expect(errors.values).toHaveLength(20);
    for (const error of errors.values) expect(error).toMatchObject({ code: 'EBLOCKED', rule: 'perAddress', address: host });
  });

  spec('resets a host that is no proxy, and refuses clients of the list', async (h) => {
    const { port, log, errors } = await serving(h, { deny: ['127.0.0.5'] });
    const stranger = await client(h, { host, port, localAddress: '127.0.0.9' });
    await h.until(() => stranger.closed, 'reset');
    expect(stranger.error).toBe('ECONNRESET');
    const refused = await client(h, { host, port: await proxyTo(h, port), localAddress: '127.0.0.5' });
    await h.until(() => refused.closed || refused.ended, 'closed');
    expect([refused.text, log]).toEqual(['', []]);
    expect(errors.values).toMatchObject([
      { rule: 'allow', address: '127.0.0.9' },
      { rule: 'deny', address: '127.0.0.5' },
    ]);
  });

  it('runs as a program that prints refusals, and stops at Ctrl-C', async () => {
    const { prints, interrupt } = runProgram('examples/behind-haproxy.ts', '--port', '0', '--trust', '192.0.2.1');
    const port = Number((await prints(/port: (\d+)/))[1]);
    dial({ host, port })
      .on('error', () => {})
      .resume();
    await prints(/refused: 127\.0\.0\.1 port \d+ is blocked by `admit\.allow`: it is not in the list \[EBLOCKED\]\n/);
    expect(await interrupt()).toMatchObject({ code: 0, stderr: '' });
  });
});
