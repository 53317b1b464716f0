import { describe, expect, it } from 'vitest';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

const { server } = certificates;

/** Runs `work` while `Object.prototype` has a property that looks like an option. */
async function polluted(name: string, value: unknown, work: () => Promise<void>): Promise<void> {
  const prototype = Object.prototype as Record<string, unknown>;
  prototype[name] = value;
  try {
    await work();
  } finally {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
    delete prototype[name];
  }
}

describe('a property of Object.prototype', () => {
  const accept = (): undefined => undefined;

  /** Each would make a client accept the certificate of a server that it must refuse. */
  const lenient: Record<string, readonly [value: unknown, options: TlsPairOptions]> = {
    rejectUnauthorized: [false, { server: certificates.selfSigned }],
    servername: ['other.test', { server: certificates.other }],
    host: ['other.test', { server: certificates.other }],
    checkServerIdentity: [accept, { server: certificates.other }],
    ca: [certificates.selfSigned.cert, { server: certificates.selfSigned, client: { ca: undefined } }],
    secureContext: [{ ca: certificates.selfSigned.cert }, { server: certificates.selfSigned, client: { ca: undefined } }],
  };

  spec.each(Object.keys(lenient))('makes a client accept no invalid certificate: %s', async (h, name) => {
    const [value, options] = lenient[name]!;
    await polluted(name, value, async () => {
      const ends = new TlsPair(h, options);
      await Promise.all([ends.client.up.ended, ends.server.up.ended]);
      h.error(ends.client.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    });
  });

  const changing: Record<string, unknown> = {
    verify: () => false,
    truncation: 'error',
    ALPNProtocols: ['h2'],
    session: Buffer.alloc(8),
    pskCallback: () => null,
    maxVersion: 'TLSv1.2',
    isServer: true,
    requestOCSP: true,
    secureContext: { context: {} },
    key: 'a key',
    passphrase: 5,
    ciphers: 'NO-SUCH-CIPHER',
    requestCert: true,
    SNICallback: 5,
  };

  spec.each(Object.keys(changing))('changes no connection: %s', async (h, name) => {
    const connected = await (async () => {
      let ends: TlsPair | undefined;
      await polluted(name, changing[name], async () => {
        ends = await TlsPair.connected(h);
      });
      return ends!;
    })();
    const { authorized, alpnProtocol, protocol, reused } = detailsOf(connected.client);
    expect([authorized, alpnProtocol, protocol, reused]).toStrictEqual([true, false, 'TLSv1.3', false]);
    expect(detailsOf(connected.server).authorized).toBe(false);
  });

  spec('makes a server accept no client: rejectUnauthorized', async (h) => {
    await polluted('rejectUnauthorized', false, async () => {
      const ends = new TlsPair(h, { client: certificates.selfSigned, server: { requestCert: true, ca: certificates.ca } });
      await Promise.all([ends.client.up.ended, ends.server.up.ended]);
      h.error(ends.server.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    });
  });

  spec('makes a client offer no protocol: ALPNProtocols', async (h) => {
    await polluted('ALPNProtocols', ['h2'], async () => {
      const { client } = await TlsPair.connected(h, { server: { ALPNProtocols: ['h2'] } });
      expect(detailsOf(client).alpnProtocol).toBe(false);
    });
  });

  it('is no identity of a server: cert and key', async () => {
    await polluted('cert', server.cert, () =>
      polluted('key', server.key, async () => {
        expect(() => tlsServer({})).toThrow(/expected `key` and `cert`/);
      }),
    );
  });
});
