import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import type { TlsFacts, TlsSessionCache } from '../../../src/plugins/tls/tls-options.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { dialOf, type WireDriver } from '../../support/carry.ts';
import * as certificates from '../../support/certificates.ts';
import { invariants, type Harness } from '../../support/harness.ts';
import { VERSIONS } from '../../support/tls-tools.ts';
import { Counted } from '../../support/two-ends.ts';

const { ca, server } = certificates;

function detailsOf({ up }: WireDriver): TlsFacts {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[0] as unknown as TlsFacts;
  throw new Error('it is not connected');
}

/** A connection of a client to a server plugin that has sent hello: a ticket of TLS 1.3 has come before it. */
async function dialled(h: Harness, client: Plugin, service: Plugin, host = 'localhost'): Promise<Counted> {
  const [a, b] = memoryPair();
  const far = new Counted(h, service(b));
  const near = new Counted(h, client(a), { ...dialOf(), to: { host, port: 7 } });
  far.write('hello');
  await h.until(() => near.text === 'hello' || near.up.state === 'error');
  return near;
}

const sessionOf = (connection: Counted): Uint8Array => {
  const { session } = detailsOf(connection);
  assert.ok(session);
  return session;
};

describe.each(VERSIONS)('a session of another connection, %s', (maxVersion) => {
  const service = tlsServer({ ...server, maxVersion });
  const client = (options: TlsClientOptions = {}): Plugin => tlsClient({ ca, ...options });

  it(
    'is resumed, and its certificate is known',
    invariants(async (h) => {
      const control = await dialled(h, client(), service);
      const data = await dialled(h, client({ session: sessionOf(control) }), service);
      assert.deepEqual([detailsOf(data).reused, detailsOf(data).authorized], [true, true]);
      assert.equal(detailsOf(data).x509?.fingerprint256, detailsOf(control).x509?.fingerprint256);
    }),
  );

  it(
    'is the newest there is when it is read, and is no enumerable fact',
    invariants(async (h) => {
      const [a, b] = memoryPair();
      const far = new Counted(h, service(b));
      const near = new Counted(h, client()(a), { ...dialOf(), to: { host: 'localhost', port: 7 } });
      await near.saw('connected');
      const early = detailsOf(near).session;
      far.write('hello');
      await h.until(() => near.text === 'hello');
      if (maxVersion === 'TLSv1.3') assert.notEqual(sessionOf(near), early);
      assert.ok(sessionOf(near).length > 0);
      assert.ok(!Object.keys(detailsOf(near)).includes('session') && !JSON.stringify(detailsOf(near)).includes('session'));
      assert.equal(detailsOf(far).session, undefined);
    }),
  );

  it(
    'comes from a function at each connection',
    invariants(async (h) => {
      const control = await dialled(h, client(), service);
      const plugin = client({ session: () => detailsOf(control).session });
      for (let each = 0; each < 2; each += 1) assert.equal(detailsOf(await dialled(h, plugin, service)).reused, true);
      const none = client({ session: () => undefined });
      assert.equal(detailsOf(await dialled(h, none, service)).reused, false);
      assert.equal(detailsOf(await dialled(h, none, service)).reused, true, 'its own session, where the function has none');
    }),
  );

  it(
    'is resumed again when it was resumed and the peer sent no newer one',
    invariants(async (h) => {
      const control = await dialled(h, client(), service);
      const second = await dialled(h, client({ session: sessionOf(control) }), service);
      assert.equal(detailsOf(await dialled(h, client({ session: sessionOf(second) }), service)).reused, true);
    }),
  );

  it(
    'as bytes from elsewhere is checked by the certificate in it',
    invariants(async (h) => {
      const bytes = Uint8Array.from(sessionOf(await dialled(h, client(), service)));
      const asked: unknown[] = [];
      const verify: TlsClientOptions['verify'] = ({ certificate, x509 }) => asked.push([certificate?.subject.CN, x509?.subject]) > 0;
      const good = await dialled(h, client({ session: bytes, verify }), service);
      assert.deepEqual([detailsOf(good).reused, detailsOf(good).authorized], [true, true]);
      assert.deepEqual(asked, [['localhost', 'CN=localhost']]);
    }),
  );

  it.each(['as it is', 'as bytes from elsewhere'])('%s is refused for a target that its certificate does not name', (how) =>
    invariants(async (h) => {
      const session = sessionOf(await dialled(h, client(), service));
      const given = how === 'as it is' ? session : Buffer.from(session);
      const other = await dialled(h, client({ session: given }), service, 'other.test');
      h.error(other.up.error, { code: 'ETLSCERT', phase: 'handshake' });
      assert.equal(((other.up.error as Error).cause as NodeJS.ErrnoException).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    })(),
  );

  it(
    'of a peer that was not verified is not verified by being resumed',
    invariants(async (h) => {
      const session = sessionOf(await dialled(h, tlsClient({ rejectUnauthorized: false }), service));
      const second = await dialled(h, client({ session }), service);
      h.error(second.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    }),
  );

  it(
    'that is none is no reason to fail: the handshake is a full one',
    invariants(async (h) => {
      for (const session of [Buffer.alloc(0), Buffer.alloc(100, 7)]) {
        const connection = await dialled(h, client({ session }), service);
        assert.equal(
          connection.up.state === 'error' ? (connection.up.error as { code: string }).code : detailsOf(connection).reused,
          false,
        );
      }
    }),
  );

  it(
    'is shared by the plugins that have a cache in common, by target or by a key',
    invariants(async (h) => {
      const sessionCache = new Map<string, Uint8Array>();
      const reused = async (options: TlsClientOptions, host?: string): Promise<boolean> =>
        detailsOf(await dialled(h, client({ sessionCache, ...options }), service, host)).reused;
      assert.deepEqual([await reused({}), await reused({}), await reused({}, '127.0.0.1')], [false, true, false]);
      // The same name: newer Nodes resume a session only for the name that it was made with.
      const keyed = { sessionKey: 'one for all', servername: 'localhost' };
      assert.deepEqual([await reused(keyed), await reused(keyed, '127.0.0.1'), await reused(keyed)], [false, true, true]);
      assert.equal(sessionCache.size, 3);
      assert.ok(sessionCache.has('one for all'));
    }),
  );

  it(
    'is taken out of the cache when its peer is refused',
    invariants(async (h) => {
      const sessionCache = new Map<string, Uint8Array>();
      await dialled(h, client({ sessionCache, sessionKey: 'key' }), service);
      assert.equal(sessionCache.size, 1);
      await dialled(h, client({ sessionCache, sessionKey: 'key', verify: () => false }), service);
      assert.equal(sessionCache.size, 0);
    }),
  );

  it.each(['get', 'set'] as const)('cannot hurt the process by a cache whose %s throws', (method) =>
    invariants(async (h) => {
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
      assert.equal((connection.up.error as Error).cause, broken);
    })(),
  );
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
