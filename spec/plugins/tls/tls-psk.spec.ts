import { describe, expect, it } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import type { LayerDetails } from '../../../src/wire/signal.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { pair } from '../../support/loopback.ts';
import { VERSIONS } from '../../support/tls-tools.ts';

const KEYS: Readonly<Record<string, Buffer>> = { alice: Buffer.alloc(32, 'alice'), bob: Buffer.alloc(32, 'bob') };
const CIPHERS = 'PSK+AES128:ECDHE-ECDSA-AES128-GCM-SHA256';

function detailsOf({ up }: WireDriver): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[0] ?? {};
  return {};
}

/** A client and a server that share keys, over sockets. The client dials no name. */
async function ends(
  h: Harness,
  client: TlsClientOptions,
  server: Partial<TlsServerOptions> = {},
): Promise<{ near: WireDriver; far: WireDriver }> {
  const pskCallback = (_: unknown, identity: string): Buffer | null => KEYS[identity] ?? null;
  const [a, b] = await pair(h).then(({ near, far }) => [fromFh(near), fromFh(far)] as const);
  const far = new WireDriver(h, tlsServer({ ciphers: CIPHERS, pskCallback, ...server })(b), dialOf());
  const near = new WireDriver(h, tlsClient({ ciphers: CIPHERS, ...client })(a), dialOf());
  return { near, far };
}

const as = (identity: string, psk = KEYS[identity] ?? Buffer.alloc(32, 'unknown')): Pick<TlsClientOptions, 'pskCallback'> => ({
  pskCallback: () => ({ identity, psk }),
});

describe.each(VERSIONS)('a pre-shared key, %s', (maxVersion) => {
  spec('authorizes both sides without certificates and without a name, and is named in the details', async (h) => {
    const { near, far } = await ends(h, { ...as('alice'), maxVersion });
    near.write('question');
    await h.until(() => far.text === 'question');
    for (const end of [near, far]) {
      const { authorized, pskIdentity, x509, protocol } = detailsOf(end);
      expect([authorized, pskIdentity, x509, protocol]).toStrictEqual([true, 'alice', undefined, maxVersion]);
    }
  });

  spec('is used by each connection of a plugin: sessions are not resumed', async (h) => {
    const [client, server] = [
      tlsClient({ ciphers: CIPHERS, ...as('alice'), maxVersion }),
      tlsServer({ ciphers: CIPHERS, pskCallback: (_, identity) => KEYS[identity] ?? null }),
    ];
    for (let each = 0; each < 2; each += 1) {
      const [a, b] = memoryPair();
      const far = new WireDriver(h, server(b), dialOf());
      const near = new WireDriver(h, client(a), dialOf());
      far.write('hello');
      await h.until(() => near.text === 'hello');
      expect(detailsOf(far).pskIdentity).toBe('alice');
      near.close();
      far.close();
      await Promise.all([near.up.ended, far.up.ended]);
    }
  });

  spec.each(['another key', 'an identity that the server does not know'])('that is %s is ETLS on both sides', async (h, what) => {
    const client = what === 'another key' ? as('alice', KEYS.bob) : as('mallory');
    const { near, far } = await ends(h, { ...client, maxVersion });
    near.write('a secret');
    await Promise.all([near.up.ended, far.up.ended]);
    for (const end of [near, far]) h.error(end.up.error, { code: 'ETLS', phase: 'handshake' });
    expect([near.summary, far.summary, far.text]).toStrictEqual(['error', 'error', '']);
  });

  spec('counts beside requestCert instead of a certificate', async (h) => {
    const { near, far } = await ends(h, { ...as('bob'), maxVersion }, { requestCert: true });
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    expect([detailsOf(far).authorized, detailsOf(far).pskIdentity]).toStrictEqual([true, 'bob']);
  });

  spec('that was not used vouches for nothing: the certificate of the server must be verified', async (h) => {
    const { near, far } = await ends(
      h,
      { ...as('alice'), maxVersion, servername: 'localhost' },
      { ...certificates.server, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', pskCallback: () => null },
    );
    await near.up.ended;
    h.error(near.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    expect(detailsOf(far).pskIdentity).toBe(undefined);
  });
});

describe('pskCallback', () => {
  spec('gets the hint of the server under TLS 1.2', async (h) => {
    const hints: unknown[] = [];
    const pskCallback = (hint: string | null): { identity: string; psk: Buffer } => {
      hints.push(hint);
      return { identity: 'alice', psk: KEYS.alice! };
    };
    const { near } = await ends(h, { pskCallback, maxVersion: 'TLSv1.2' }, { pskIdentityHint: 'who are you?' });
    await near.waitFor('connected');
    expect(hints).toStrictEqual(['who are you?']);
  });

  it('excludes sessions, and contexts of Node whose tickets cannot be switched off', () => {
    expect(() => tlsClient({ ...as('alice'), session: Buffer.alloc(1) })).toThrow(/expected `pskCallback` without `session`/);
    expect(() => tlsClient({ ...as('alice'), sessionCache: new Map<string, Uint8Array>() })).toThrow(/`pskCallback` without/);
    expect(() => tlsServer({ pskCallback: () => null, secureContext: { context: {} } })).toThrow(/`secureContext` to be options beside/);
    expect(() => tlsServer({ pskCallback: 1 as never })).toThrow(/`pskCallback` to be a function/);
    expect(() => tlsServer({ pskCallback: () => null, pskIdentityHint: 1 as never })).toThrow(/`pskIdentityHint` to be a string/);
  });
});
