import { assert, describe, expect, it } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import type { TlsFacts, TlsSessionCache } from '../../../src/plugins/tls/tls-options.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { VERSIONS } from '../../support/tls-tools.ts';

const { ca, server } = certificates;

function detailsOf({ up }: WireDriver): TlsFacts {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[0] as unknown as TlsFacts;
  throw new Error('it is not connected');
}

/** A connection of a client to a server plugin that has sent hello: a ticket of TLS 1.3 has come before it. */
async function dialled(h: Harness, client: Plugin, service: Plugin, host = 'localhost'): Promise<WireDriver> {
  const [a, b] = memoryPair();
  const far = new WireDriver(h, service(b));
  const near = new WireDriver(h, client(a), { ...dialOf(), to: { host, port: 7 } });
  far.write('hello');
  await h.until(() => near.text === 'hello' || near.up.state === 'error');
  return near;
}

const sessionOf = (connection: WireDriver): Uint8Array => {
  const { session } = detailsOf(connection);
  assert(session);
  return session;
};

describe.each(VERSIONS)('a session of another connection, %s', (maxVersion) => {
  const service = tlsServer({ ...server, maxVersion });
  const client = (options: TlsClientOptions = {}): Plugin => tlsClient({ ca, ...options });

  spec('is resumed, and its certificate is known', async (h) => {
    const control = await dialled(h, client(), service);
    const data = await dialled(h, client({ session: sessionOf(control) }), service);
    expect([detailsOf(data).reused, detailsOf(data).authorized]).toStrictEqual([true, true]);
    expect(detailsOf(data).x509?.fingerprint256).toBe(detailsOf(control).x509?.fingerprint256);
  });

  spec('is the newest there is when it is read, and is no enumerable fact', async (h) => {
    const [a, b] = memoryPair();
    const far = new WireDriver(h, service(b));
    const near = new WireDriver(h, client()(a), { ...dialOf(), to: { host: 'localhost', port: 7 } });
    await near.waitFor('connected');
    const early = detailsOf(near).session;
    far.write('hello');
    await h.until(() => near.text === 'hello');
    if (maxVersion === 'TLSv1.3') expect(sessionOf(near)).not.toBe(early);
    assert(sessionOf(near).length > 0);
    assert(!Object.keys(detailsOf(near)).includes('session') && !JSON.stringify(detailsOf(near)).includes('session'));
    expect(detailsOf(far).session).toBe(undefined);
  });

  spec('comes from a function at each connection', async (h) => {
    const control = await dialled(h, client(), service);
    const plugin = client({ session: () => detailsOf(control).session });
    for (let each = 0; each < 2; each += 1) expect(detailsOf(await dialled(h, plugin, service)).reused).toBe(true);
    const none = client({ session: () => undefined });
    expect(detailsOf(await dialled(h, none, service)).reused).toBe(false);
    expect(detailsOf(await dialled(h, none, service)).reused, 'its own session, where the function has none').toBe(true);
  });

  spec('is resumed again when it was resumed and the peer sent no newer one', async (h) => {
    const control = await dialled(h, client(), service);
    const second = await dialled(h, client({ session: sessionOf(control) }), service);
    expect(detailsOf(await dialled(h, client({ session: sessionOf(second) }), service)).reused).toBe(true);
  });

  spec('as bytes from elsewhere is checked by the certificate in it', async (h) => {
    const bytes = Uint8Array.from(sessionOf(await dialled(h, client(), service)));
    const asked: unknown[] = [];
    const verify: TlsClientOptions['verify'] = ({ certificate, x509 }) => asked.push([certificate?.subject.CN, x509?.subject]) > 0;
    const good = await dialled(h, client({ session: bytes, verify }), service);
    expect([detailsOf(good).reused, detailsOf(good).authorized]).toStrictEqual([true, true]);
    expect(asked).toStrictEqual([['localhost', 'CN=localhost']]);
  });

  spec.each(['as it is', 'as bytes from elsewhere'])('%s is refused for a target that its certificate does not name', async (h, how) => {
    const session = sessionOf(await dialled(h, client(), service));
    const given = how === 'as it is' ? session : Buffer.from(session);
    const other = await dialled(h, client({ session: given }), service, 'other.test');
    h.error(other.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    expect(((other.up.error as Error).cause as NodeJS.ErrnoException).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  spec('of a peer that was not verified is not verified by being resumed', async (h) => {
    const session = sessionOf(await dialled(h, tlsClient({ rejectUnauthorized: false }), service));
    const second = await dialled(h, client({ session }), service);
    h.error(second.up.error, { code: 'ETLSCERT', phase: 'handshake' });
  });

  spec('that is none is no reason to fail: the handshake is a full one', async (h) => {
    for (const session of [Buffer.alloc(0), Buffer.alloc(100, 7)]) {
      const connection = await dialled(h, client({ session }), service);
      expect(connection.up.state === 'error' ? (connection.up.error as { code: string }).code : detailsOf(connection).reused).toBe(false);
    }
  });

  spec('is shared by the plugins that have a cache in common, by target or by a key', async (h) => {
    const sessionCache = new Map<string, Uint8Array>();
    const reused = async (options: TlsClientOptions, host?: string): Promise<boolean> =>
      detailsOf(await dialled(h, client({ sessionCache, ...options }), service, host)).reused;
    expect([await reused({}), await reused({}), await reused({}, '127.0.0.1')]).toStrictEqual([false, true, false]);
    // The same name: newer Nodes resume a session only for the name that it was made with.
    const keyed = { sessionKey: 'one for all', servername: 'localhost' };
    expect([await reused(keyed), await reused(keyed, '127.0.0.1'), await reused(keyed)]).toStrictEqual([false, true, true]);
    expect(sessionCache.size).toBe(3);
    assert(sessionCache.has('one for all'));
  });

  spec('is taken out of the cache when its peer is refused', async (h) => {
    const sessionCache = new Map<string, Uint8Array>();
    await dialled(h, client({ sessionCache, sessionKey: 'key' }), service);
    expect(sessionCache.size).toBe(1);
    await dialled(h, client({ sessionCache, sessionKey: 'key', verify: () => false }), service);
    expect(sessionCache.size).toBe(0);
  });

  spec.each(['get', 'set'] as const)('cannot hurt the process by a cache whose %s throws', async (h, method) => {
    const broken = new Error('no cache');
    const sessionCache: TlsSessionCache = {
      get: () => undefined,
      set: () => undefined,
      delete: () => undefined,
      [method]: () => {
        throw broken;
      },
    };
    const connection = await dialled(h, client({ sessionCache }), service);
    await connection.up.ended;
    h.error(connection.up.error, { code: 'ETLS' });
    expect((connection.up.error as Error).cause).toBe(broken);
  });
});

describe('the options about sessions', () => {
  it('are TypeErrors when they exclude each other, or are of a wrong type', () => {
    const sessionCache = new Map<string, Uint8Array>();
    expect(() => tlsClient({ session: false, sessionCache })).toThrow(/TypeError|expected `sessionCache` without `session: false`/);
    expect(() => tlsClient({ sessionKey: 'key' })).toThrow(/expected `sessionKey` with `sessionCache`/);
    expect(() => tlsClient({ sessionCache: {} as TlsSessionCache })).toThrow(/expected `sessionCache` to be a Map/);
    expect(() => tlsClient({ sessionCache, sessionKey: 1 as never })).toThrow(/expected `sessionKey` to be a string/);
    expect(() => tlsClient({ session: 'text' as never })).toThrow(/expected `session` to be a session, a function/);
  });
});
