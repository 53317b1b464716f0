import { connect as dial } from 'node:net';
import { expect } from 'vitest';
import { connect, type IOStream } from 'rxjs-io-stream';
import { acceptProxyProtocol, type AcceptedProxyFacts } from '../../src/plugins/proxy-protocol/accept-proxy-protocol.ts';
import { sendProxyProtocol } from '../../src/plugins/proxy-protocol/send-proxy-protocol.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { Exchange } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { startProxyProtocol } from './peers/haproxy-proxy-protocol.ts';

const HOST = '127.0.0.1';
const proxied = acceptProxyProtocol({ trusted: [HOST] });

/** Echoes behind haproxy, and records the streams. */
async function echoing(h: Harness, port: number): Promise<{ readonly streams: IOStream[]; readonly errors: readonly unknown[] }> {
  const streams: IOStream[] = [];
  const { errors } = await serving(
    h,
    (io) => {
      streams.push(io);
      return io.send(io.data$);
    },
    { port, plugin: { proxied } },
  );
  return { streams, errors: errors.values };
}

const factsOf = (io: IOStream | undefined): AcceptedProxyFacts => io?.details.proxied as unknown as AcceptedProxyFacts;

describePeer('haproxy that sends the PROXY protocol', 'haproxy', () => {
  const haproxy = started(async () => {
    const backend = await deadPort();
    return { ...(await startProxyProtocol(backend)), backend };
  });

  spec.each([
    ['v1', 1],
    ['v2', 2],
    ['crc', 2],
  ] as const)('to our server by `%s`: shows the client, and carries 1 MiB each way', async (h, name, version) => {
    const { backend, ports } = haproxy();
    const { streams, errors } = await echoing(h, backend);
    const exchange = await Exchange.open(h, { host: HOST, port: ports[name] });
    await exchange.expectEcho(h);
    const client = { address: HOST, port: exchange.io.localPort };
    const facts = factsOf(streams[0]);
    expect(facts).toMatchObject({
      version,
      command: 'PROXY',
      transport: 'TCP4',
      client,
      destination: { address: HOST, port: ports[name] },
    });
    expect(facts.proxy?.port).not.toBe(client.port);
    expect([streams[0]?.remotePort, streams[0]?.localPort]).toEqual([client.port, ports[name]]);
    if (name === 'crc') expect(facts.tlvs).toMatchObject({ crc32c: true, uniqueId: expect.any(Uint8Array) as unknown });
    await exchange.close();
    expect(errors).toEqual([]);
  });

  spec('with the TLS of the client: shows server name, ALPN, cipher and certificate', async (h) => {
    const { backend, ports } = haproxy();
    const { streams } = await echoing(h, backend);
    const ssl = tlsClient({ ca: certificates.ca, servername: 'localhost', ALPNProtocols: ['h2'], ...certificates.client });
    const exchange = await Exchange.open(h, { host: HOST, port: ports.tls, plugin: { ssl } });
    await exchange.expectEcho(h);
    expect(factsOf(streams[0]).tlvs).toMatchObject({
      alpn: 'h2',
      authority: 'localhost',
      ssl: {
        ...{ isTls: true, hasCertificate: true, isVerified: true, verify: 0, version: 'TLSv1.3' },
        ...{ commonName: expect.stringMatching(/./) as unknown, cipher: expect.stringMatching(/^TLS_/) as unknown },
        ...{ keyAlgorithm: expect.stringMatching(/^(RSA|EC)/) as unknown, signatureAlgorithm: expect.stringMatching(/./) as unknown },
      },
    });
    await exchange.close();
  });

  spec('for a health check: accepts LOCAL, with the addresses of the socket', async (h) => {
    const backend = await deadPort();
    const { streams, errors } = await echoing(h, backend);
    const checking = await startProxyProtocol(backend, { checksHealth: true });
    h.defer(() => checking.stop());
    await h.until(() => streams.some((io) => factsOf(io).command === 'LOCAL'));
    const local = streams.find((io) => factsOf(io).command === 'LOCAL');
    expect(factsOf(local)).toMatchObject({ version: 2, transport: 'UNKNOWN', client: factsOf(local).proxy });
    // It resets the connection as soon as the check has passed.
    expect(errors.filter((error) => (error as { code: string }).code === 'EPROTOCOL')).toEqual([]);
  });
});

describePeer('haproxy that accepts the PROXY protocol', 'haproxy', () => {
  const haproxy = started(() => startProxyProtocol(1));
  const ends = { remoteAddress: '203.0.113.7', remotePort: 51234, localAddress: '198.51.100.1', localPort: 443 };
  const six = { remoteAddress: '2001:db8::7', remotePort: 1, localAddress: '2001:db8::1', localPort: 65535 };

  /** Asks haproxy for what it has read. */
  async function asked(h: Harness, header: ReturnType<typeof sendProxyProtocol>): Promise<string> {
    const answer = h.observed(
      connect({ host: HOST, port: haproxy().ports.accept, plugin: { header } }, (io) => {
        io.end('GET / HTTP/1.0\r\n\r\n');
        return io.data$;
      }),
    );
    await answer.ended;
    return Buffer.concat(answer.values).toString().split('\r\n\r\n')[1] ?? '';
  }

  spec.each([
    ['version 1', sendProxyProtocol({ version: 1, onBehalfOf: ends }), '203.0.113.7 51234 198.51.100.1 443 authority= id='],
    ['version 1, IPv6', sendProxyProtocol({ version: 1, onBehalfOf: six }), '2001:db8::7 1 2001:db8::1 65535 authority= id='],
    ['version 2', sendProxyProtocol({ onBehalfOf: ends }), '203.0.113.7 51234 198.51.100.1 443 authority= id='],
    ['version 2, IPv6', sendProxyProtocol({ onBehalfOf: six }), '2001:db8::7 1 2001:db8::1 65535 authority= id='],
    [
      'version 2 with TLVs and a checksum',
      sendProxyProtocol({ onBehalfOf: ends, tlvs: { authority: 'a.test', uniqueId: Buffer.from('id7'), noop: 5, crc32c: true } }),
      '203.0.113.7 51234 198.51.100.1 443 authority=a.test id=id7',
    ],
  ] as const)('understands our %s', async (h, _, header, line) => {
    expect(await asked(h, header)).toBe(line);
  });

  spec.each([
    ['LOCAL', sendProxyProtocol({ command: 'LOCAL', tlvs: { crc32c: true } })],
    ['UNKNOWN', sendProxyProtocol({ version: 1, onBehalfOf: {} })],
    ['LOCAL instead of no addresses', sendProxyProtocol({ onBehalfOf: {}, tlvs: { uniqueId: Buffer.from('') } })],
    ['the addresses of our own connection', sendProxyProtocol({})],
  ] as const)('uses those of the socket after our %s', async (h, _, header) => {
    expect(await asked(h, header)).toMatch(new RegExp(`^127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${haproxy().ports.accept} authority= id=$`));
  });

  spec('closes if there is no header', async (h) => {
    const socket = dial({ host: HOST, port: haproxy().ports.accept }, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    h.defer(() => socket.destroy());
    socket.on('error', () => {}).resume();
    await h.until(() => socket.destroyed || socket.readableEnded);
  });
});

describePeer('haproxy that sends no header', 'haproxy', () => {
  spec('is refused by our server: it never has a stream', async (h) => {
    const backend = await deadPort();
    const peer = await startProxyProtocol(backend);
    h.defer(() => peer.stop());
    const { streams, errors } = await echoing(h, backend);
    const exchange = await Exchange.open(h, { host: HOST, port: peer.ports.none });
    exchange.io.write('GET / HTTP/1.1\r\n');
    await exchange.data.ended;
    await h.until(() => errors.length > 0);
    const error = errors.find((each) => String(each).includes('signature'));
    h.error(error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'proxied' });
    expect(streams.filter((io) => factsOf(io).command === 'PROXY')).toEqual([]);
  });
});
