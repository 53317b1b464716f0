import { describe, expect } from 'vitest';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import * as certificates from '../support/certificates.ts';
import { serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { startEcho } from './backends.ts';
import { deadPort } from '../support/loopback.ts';
import { expectRoundTrip, Exchange, expectFailure } from './exchange.ts';
import { describePeer, describePeers, started } from './peers.ts';
import { SQUID_USER, startSquid } from './peers/squid.ts';
import { startStunnel } from './peers/stunnel.ts';

const HOST = '127.0.0.1';
const { ca } = certificates;

describePeer('stunnel as a server', 'stunnel', () => {
  const echo = started(startEcho);
  const stunnel = started(() => {
    const connect = `${HOST}:${echo().port}`;
    const mutual = { connect, requireCert: 'yes', verifyChain: 'yes' };
    return startStunnel({
      echo: { connect },
      only12: { connect, sslVersionMax: 'TLSv1.2' },
      mutual,
      mutual12: { ...mutual, sslVersionMax: 'TLSv1.2' },
    });
  });
  type Service = keyof ReturnType<typeof stunnel>['ports'];
  const to = (service: Service, options: Parameters<typeof tlsClient>[0] = {}): Parameters<typeof expectRoundTrip>[1] => ({
    host: HOST,
    port: stunnel().ports[service],
    plugin: { ssl: tlsClient({ ca, ...options }) },
  });

  spec.each([
    ['echo', 'TLSv1.3'],
    ['only12', 'TLSv1.2'],
  ] as const)('connects to the service `%s` by %s, carries 1 MiB each way, and ends both directions', async (h, service, protocol) => {
    const exchange = await Exchange.open(h, to(service));
    expect(exchange.io.details.ssl?.protocol).toBe(protocol);
    await exchange.expectEcho(h);
    await exchange.endBothWays();
    expect(exchange.io.details.ssl?.truncated).toBe(undefined);
  });

  spec.each(['mutual', 'mutual12'] as const)(
    'sends our certificate to the service `%s`, and carries 1 MiB each way',
    async (h, service) => {
      await expectRoundTrip(h, to(service, certificates.client));
    },
  );

  spec('fails with ETLS, without a stream, by TLS 1.2 without the required certificate', async (h) => {
    await expectFailure(h, to('mutual12'), { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
  });

  spec('reports ETLS after the handshake, by TLS 1.3 without the required certificate', async (h) => {
    const exchange = await Exchange.open(h, to('mutual'));
    await exchange.data.ended;
    h.error(exchange.data.error, { code: 'ETLS', layer: 'ssl' });
    expect(String((exchange.data.error as Error).cause)).toMatch(/certificate required/);
  });

  spec('fails with ETLS if we require TLS 1.3 and the server supports only 1.2, because of an alert', async (h) => {
    const error = await expectFailure(h, to('only12', { minVersion: 'TLSv1.3' }), { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
    expect(String(error.cause)).toMatch(/alert protocol version/);
  });

  spec('fails with ETLSCERT if the authority is not trusted', async (h) => {
    await expectFailure(h, to('echo', { ca: [] }), { code: 'ETLSCERT', phase: 'handshake', layer: 'ssl' });
  });
});

describePeer('stunnel as a client', 'stunnel', () => {
  const stunnel = started(async () => {
    const ourPort = await deadPort();
    const connect = `${HOST}:${ourPort}`;
    const client = { client: 'yes', verifyChain: 'yes', checkIP: HOST };
    const started = await startStunnel({ direct: { ...client, connect }, only12: { ...client, connect, sslVersionMax: 'TLSv1.2' } });
    return { ...started, ourPort };
  });

  describe.each([
    ['direct', 'TLSv1.3'],
    ['only12', 'TLSv1.2'],
  ] as const)('%s', (service, protocol) => {
    spec(`connects to our tlsServer by ${protocol}, carries 1 MiB each way, and ends both directions`, async (h) => {
      const seen: unknown[] = [];
      const { errors } = await serving(
        h,
        (io) => {
          seen.push(io.details.ssl?.protocol);
          return io.send(io.data$);
        },
        { port: stunnel().ourPort, plugin: { ssl: tlsServer(certificates.server) }, allowHalfOpen: true },
      );
      const exchange = await Exchange.open(h, { host: HOST, port: stunnel().ports[service] });
      await exchange.expectEcho(h);
      await exchange.endBothWays();
      expect([seen, errors.values]).toStrictEqual([[protocol], []]);
    });
  });
});

describePeers('stunnel as a client through squid', ['squid', 'stunnel'], () => {
  const squid = started(startSquid);
  const stunnel = started(async () => {
    const ourPort = await deadPort();
    const started = await startStunnel({
      tunnel: {
        client: 'yes',
        verifyChain: 'yes',
        connect: `${HOST}:${squid().ports.plain}`,
        protocol: 'connect',
        protocolHost: `${HOST}:${ourPort}`,
        protocolUsername: SQUID_USER.user,
        protocolPassword: SQUID_USER.pass,
      },
    });
    return { ...started, ourPort };
  });

  spec('connects to our tlsServer, and carries 1 MiB each way', async (h) => {
    const plugin = { ssl: tlsServer(certificates.server) };
    await serving(h, (io) => io.send(io.data$), { port: stunnel().ourPort, plugin });
    await expectRoundTrip(h, { host: HOST, port: stunnel().ports.tunnel });
  });
});
