import { checkServerIdentity } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

const dialling = (host: string, more: TlsPairOptions = {}): TlsPairOptions => ({ ...more, dial: { to: { host, port: 7 } } });

describe('the names that tlsClient checks', () => {
  const accepted: Record<string, readonly [TlsPairOptions, sni: string | undefined]> = {
    'a host': [dialling('localhost'), 'localhost'],
    'a host with a dot at its end': [dialling('localhost.'), 'localhost'],
    'an IPv4 address, no SNI': [dialling('127.0.0.1'), undefined],
    'an IPv6 address, no SNI': [dialling('::1'), undefined],
    'one label of a wildcard': [dialling('one.wild.test', { server: certificates.names }), 'one.wild.test'],
    'a host that is not ASCII': [dialling('bücher.test', { server: certificates.names }), 'xn--bcher-kva.test'],
    'a host in other letters': [dialling('BÜCHER.test.', { server: certificates.names }), 'xn--bcher-kva.test'],
    'servername, whatever is dialled': [dialling('127.0.0.2', { client: { servername: 'localhost' } }), 'localhost'],
    'an address as servername, no SNI': [dialling('elsewhere.test', { client: { servername: '127.0.0.1' } }), undefined],
    'the target, with an empty servername and no SNI': [dialling('localhost', { client: { servername: '' } }), undefined],
  };

  spec.each(Object.keys(accepted))('accepts the certificate, and sends the right SNI name, for %s', async (h, name) => {
    const [options, sni] = accepted[name]!;
    const ends = await TlsPair.connected(h, options);
    expect(detailsOf(ends.server).servername).toBe(sni);
    expect(detailsOf(ends.client).authorized).toBe(true);
  });

  const refused: Record<string, TlsPairOptions> = {
    'another host': dialling('other.test'),
    'an address that is not in the SAN': dialling('127.0.0.2'),
    'an address where only names are': dialling('127.0.0.1', { server: certificates.names }),
    'two labels of a wildcard': dialling('two.one.wild.test', { server: certificates.names }),
    'the name of a certificate without SAN': dialling('a.client', { server: certificates.client }),
  };

  spec.each(Object.keys(refused))('errors with ETLSCERT for %s', async (h, name) => {
    const ends = new TlsPair(h, refused[name]);
    ends.client.write('a secret');
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends.client.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'client' });
    expect(((ends.client.up.error as Error).cause as NodeJS.ErrnoException).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect([ends.client.summary, ends.server.text]).toStrictEqual(['error', '']);
  });

  describe('without a DNS name in the subjectAltName', () => {
    const { commonName } = certificates;

    const to = (host: string, client: TlsClientOptions = {}): TlsPairOptions =>
      dialling(host, { server: commonName, client: { ca: commonName.cert, ...client } });

    spec('errors with ETLSCERT if only the common name matches', async (h) => {
      const ends = new TlsPair(h, to('name.test'));
      await Promise.all([ends.client.up.ended, ends.server.up.ended]);
      h.error(ends.client.up.error, { code: 'ETLSCERT', phase: 'handshake' });
      const cause = (ends.client.up.error as Error).cause as NodeJS.ErrnoException & { cert?: { subject: { CN: string } } };
      expect([cause.code, cause.cert?.subject.CN]).toStrictEqual(['ERR_TLS_CERT_ALTNAME_INVALID', 'name.test']);
      expect(cause.message).toMatch(/does not contain a DNS name/);
    });

    spec('accepts the common name with checkServerIdentity of Node', async (h) => {
      const { client } = await TlsPair.connected(h, to('name.test', { checkServerIdentity }));
      expect(detailsOf(client).authorized).toBe(true);
    });

    spec('accepts an address in the subjectAltName', async (h) => {
      const { client } = await TlsPair.connected(h, to('127.0.0.1'));
      expect(detailsOf(client).authorized).toBe(true);
    });
  });

  it('throws a TypeError at the dial for a host that is no name', () => {
    const dial = (host: string): unknown => tlsClient()(memoryPair()[0])(testDial({ to: { host, port: 7 } }));
    for (const host of ['good.test\0.evil.test', 'a b', '.', 'xn--\u00ad.\u00ad', 'a\nb'])
      expect(() => dial(host), JSON.stringify(host)).toThrow(TypeError);
    dial('localhost');
  });
});
