import { createPrivateKey } from 'node:crypto';
import { of } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import type { LayerDetails } from '../../../src/wire/signal.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../../src/plugins/tls/tls-server.ts';
import type { WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { Session, type SessionOptions } from '../../support/tls-tools.ts';

const { server } = certificates;
const PASSPHRASE = 'a passphrase nobody may read';
const encrypted = createPrivateKey(server.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: PASSPHRASE });

/** What a call throws. */
function thrown(call: () => unknown): TypeError {
  let error: unknown;
  try {
    call();
  } catch (caught) {
    error = caught;
  }
  assert(error instanceof TypeError, String(error));
  return error;
}

describe('the options of tlsClient and tlsServer', () => {
  const wrong: Record<string, readonly unknown[]> = {
    ca: [1, {}, [1]],
    ALPNProtocols: ['h2', [1]],
    rejectUnauthorized: [0, 'no'],
    verify: [true, {}],
    truncation: ['never', true],
    secureContext: ['a', 1],
    minVersion: [12, 'TLSv9'],
    maxVersion: ['TLSv0'],
    ciphers: [1, 'NO-SUCH-CIPHER'],
    passphrase: [1],
    ticketKeys: [Buffer.alloc(3)],
  };
  it.each(Object.keys(wrong))('are refused by name: %s', (name) => {
    for (const value of wrong[name] ?? []) {
      for (const call of [() => tlsClient({ [name]: value }), () => tlsServer({ ...server, [name]: value })])
        expect(thrown(call).message).toMatch(new RegExp(`^tls(Client|Server): expected .*\`${name}\``));
    }
  });

  it('are refused when they are unknown, or of the other role', () => {
    expect(thrown(() => tlsClient({ SNICallback: () => undefined } as object)).message).toMatch(/^unknown option `SNICallback`/);
    expect(thrown(() => tlsClient({ toString: 1 } as object)).message).toMatch(/^unknown option `toString`/);
    expect(thrown(() => tlsServer({ ...server, servername: 'x' } as object)).message).toMatch(/^unknown option `servername`/);
    expect(thrown(() => tlsServer(undefined as never)).message).toMatch(/expected an object of options/);
    expect(thrown(() => tlsClient('x' as never)).message).toMatch(/expected an object of options/);
    tlsClient({ ca: undefined, verify: undefined });
  });

  it('of one role are refused by name', () => {
    for (const options of [
      { servername: 1 },
      { servername: 'a\0b' },
      { servername: 'a b' },
      { session: true },
      { minDHSize: -1 },
      { checkServerIdentity: 1 },
    ])
      expect(thrown(() => tlsClient(options as object)).message).toMatch(new RegExp(`\`${Object.keys(options)[0]}\` to be`));
    for (const options of [{ requestCert: 1 }, { SNICallback: 1 }, { ALPNCallback: 'x' }])
      expect(thrown(() => tlsServer({ ...server, ...options } as never)).message).toMatch(
        new RegExp(`\`${Object.keys(options)[0]}\` to be`),
      );
  });

  it('hold a key and its certificate, and a server has them', () => {
    const { key, cert } = server;
    expect(thrown(() => tlsClient({ key })).message).toMatch(/got `key` without `cert`/);
    expect(thrown(() => tlsServer({ cert })).message).toMatch(/got `cert` without `key`/);
    expect(thrown(() => tlsServer({})).message).toMatch(/expected `key` and `cert`/);
    expect(thrown(() => tlsServer({ key, cert: certificates.other.cert })).message).toMatch(/mismatch/);
    expect(thrown(() => tlsServer({ key, cert: 'not a certificate' })).message).toMatch(/expected `cert`/);
    expect(thrown(() => tlsServer({ secureContext: { key } })).message).toMatch(/got `key` without `cert`/);
    tlsServer({ SNICallback: () => undefined });
    tlsServer({ secureContext: of(server) });
    tlsServer({ secureContext: server });
  });

  it('hold the right passphrase, and no message tells it', () => {
    const options: TlsServerOptions = { key: encrypted, cert: server.cert };
    tlsServer({ ...options, passphrase: PASSPHRASE });
    for (const passphrase of [undefined, `${PASSPHRASE}, not`]) {
      const error = thrown(() => tlsServer({ ...options, passphrase }));
      expect(error.message).toMatch(/expected `passphrase` that OpenSSL can use/);
      assert(!JSON.stringify([error.message, String(error.cause), error.stack]).includes(PASSPHRASE));
    }
  });
});

function detailsOf({ up }: WireDriver): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[0] ?? {};
  return {};
}

/** Does work while `Object.prototype` has a property that looks like an option. */
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

describe('what is on Object.prototype is no option', () => {
  const accept = (): undefined => undefined;
  /** Each would make a client accept the certificate of a server that it must refuse. */
  const lenient: Record<string, readonly [value: unknown, options: SessionOptions]> = {
    rejectUnauthorized: [false, { server: certificates.selfSigned }],
    servername: ['other.test', { server: certificates.other }],
    host: ['other.test', { server: certificates.other }],
    checkServerIdentity: [accept, { server: certificates.other }],
    ca: [certificates.selfSigned.cert, { server: certificates.selfSigned, client: { ca: undefined } }],
    secureContext: [{ ca: certificates.selfSigned.cert }, { server: certificates.selfSigned, client: { ca: undefined } }],
  };
  spec.each(Object.keys(lenient))('%s makes a client accept nothing', async (h, name) => {
    const [value, options] = lenient[name]!;
    await polluted(name, value, async () => {
      const session = new Session(h, options);
      await Promise.all([session.client.up.ended, session.server.up.ended]);
      h.error(session.client.up.error, { code: 'ETLSCERT', phase: 'handshake' });
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
  spec.each(Object.keys(changing))('%s changes no connection', async (h, name) => {
    const connected = await (async () => {
      let session: Session | undefined;
      await polluted(name, changing[name], async () => {
        session = await Session.connected(h);
      });
      return session!;
    })();
    const { authorized, alpnProtocol, protocol, reused } = detailsOf(connected.client);
    expect([authorized, alpnProtocol, protocol, reused]).toStrictEqual([true, false, 'TLSv1.3', false]);
    expect(detailsOf(connected.server).authorized).toBe(false);
  });

  spec('rejectUnauthorized makes a server accept no client', async (h) => {
    await polluted('rejectUnauthorized', false, async () => {
      const session = new Session(h, { client: certificates.selfSigned, server: { requestCert: true, ca: certificates.ca } });
      await Promise.all([session.client.up.ended, session.server.up.ended]);
      h.error(session.server.up.error, { code: 'ETLSCERT', phase: 'handshake' });
    });
  });

  spec('ALPNProtocols makes a client offer none', async (h) => {
    await polluted('ALPNProtocols', ['h2'], async () => {
      const { client } = await Session.connected(h, { server: { ALPNProtocols: ['h2'] } });
      expect(detailsOf(client).alpnProtocol).toBe(false);
    });
  });

  it('cert and key are no identity of a server', async () => {
    await polluted('cert', server.cert, () =>
      polluted('key', server.key, async () => {
        expect(() => tlsServer({})).toThrow(/expected `key` and `cert`/);
      }),
    );
  });
});
