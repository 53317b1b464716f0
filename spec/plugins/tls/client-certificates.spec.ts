import { describe, expect } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { stack } from '../../../src/wire/stack.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, TlsPair, VERSIONS } from '../../support/tls-pair.ts';
import { wirePair } from '../../support/connected-pair.ts';

const { ca, server } = certificates;

describe('a server that requests a certificate', () => {
  spec.each(VERSIONS)('accepts a valid certificate of the client, %s', async (h, version) => {
    const { server } = await TlsPair.connected(h, { version, client: certificates.client, server: { requestCert: true, ca } });
    expect(detailsOf(server).authorized).toBe(true);
  });

  const unverified: Record<string, TlsClientOptions> = {
    'without a certificate': {},
    'with an untrusted certificate': certificates.selfSigned,
  };
  const ROWS = VERSIONS.flatMap((version) => Object.keys(unverified).map((client) => [client, version] as const));

  spec.each(ROWS)('refuses a client %s, %s', async (h, client, version) => {
    const ends = new TlsPair(h, { version, client: unverified[client], server: { requestCert: true, ca } });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    expect(ends.server.summary).toBe('error');
    h.error(ends.server.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'server' });
    expect(ends.client.up.state).toBe('error');
  });

  spec.each(ROWS)('accepts a client %s with rejectUnauthorized: false, and reports the problem, %s', async (h, client, version) => {
    const { server } = await TlsPair.connected(h, {
      version,
      client: unverified[client],
      server: { requestCert: true, ca, rejectUnauthorized: false },
    });
    expect(detailsOf(server).authorized).toBe(false);
    expect(typeof detailsOf(server).authorizationError).toBe('string');
  });
});

describe.each(VERSIONS)('mutual authentication, %s', (version) => {
  spec('reports the certificate of the client in the details', async (h) => {
    const { server: far } = await TlsPair.connected(h, { version, client: certificates.client, server: { requestCert: true, ca } });
    expect(detailsOf(far).authorized).toBe(true);
    expect((detailsOf(far).x509 as { subject: string }).subject).toBe('CN=a client');
  });

  spec.each(['missing', 'of a wrong CA', 'expired'])('errors with ETLSCERT if the certificate of the client is %s', async (h, what) => {
    const identity = { missing: {}, 'of a wrong CA': certificates.selfSigned, expired: certificates.expired }[what];
    const { wire, to, accepted } = await wirePair(h, 'socket');
    const near = new WireDriver(h, stack({ client: tlsClient({ ca, ...identity, maxVersion: version }) }, wire), { ...dialOf(), to });
    const far = new WireDriver(h, stack({ server: tlsServer({ ...server, requestCert: true, ca }) }, await accepted));
    near.write('a secret');
    await far.up.ended;
    h.error(far.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'server' });
    expect([far.summary, far.text]).toStrictEqual(['error', '']);
    if (what !== 'missing') {
      // Node cannot send an alert of ours: the client gets close_notify right after its handshake, and reports it.
      await near.up.ended;
      h.error(near.up.error, { code: 'ETLS', phase: 'read', layer: 'client' });
      expect((near.up.error as Error).message).toMatch(/the peer ended right after the handshake, before it sent a byte/);
      expect(near.summary.includes('connected')).toBe(true);
      return;
    }
    await near.up.ended;
    const early = version === 'TLSv1.2';
    expect(near.summary.includes('connected'), near.summary).toBe(!early);
    h.error(near.up.error, { code: 'ETLS', phase: early ? 'handshake' : 'read', layer: 'client' });
    expect((near.up.error as Error).message).toMatch(early ? /SSL alert number 40/ : /SSL alert number 116/);
  });
});
