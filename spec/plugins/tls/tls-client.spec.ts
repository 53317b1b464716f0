import { once } from 'node:events';
import { checkServerIdentity, createServer, type TlsOptions as NodeOptions } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { BehaviorSubject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { tlsClient, type TlsClientOptions } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { LayerDetails, Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { Session, VERSIONS, type SessionOptions } from '../../support/tls-tools.ts';

const { ca, server } = certificates;

function detailsOf({ up }: WireDriver, at = 0): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[at] ?? {};
  return {};
}

const dialling = (host: string, more: SessionOptions = {}): SessionOptions => ({ ...more, dial: { to: { host, port: 7 } } });

describe('the names of tlsClient', () => {
  const accepted: Record<string, readonly [SessionOptions, sni: string | undefined]> = {
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
  spec.each(Object.keys(accepted))('are checked, and told by SNI: %s', async (h, name) => {
    const [options, sni] = accepted[name]!;
    const session = await Session.connected(h, options);
    expect(detailsOf(session.server).servername).toBe(sni);
    expect(detailsOf(session.client).authorized).toBe(true);
  });

  const refused: Record<string, SessionOptions> = {
    'another host': dialling('other.test'),
    'an address that is not in the SAN': dialling('127.0.0.2'),
    'an address where only names are': dialling('127.0.0.1', { server: certificates.names }),
    'two labels of a wildcard': dialling('two.one.wild.test', { server: certificates.names }),
    'the name of a certificate without SAN': dialling('a.client', { server: certificates.client }),
  };
  spec.each(Object.keys(refused))('are refused by ETLSCERT: %s (D3)', async (h, name) => {
    const session = new Session(h, refused[name]);
    session.client.write('a secret');
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    h.error(session.client.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'client' });
    expect(((session.client.up.error as Error).cause as NodeJS.ErrnoException).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect([session.client.summary, session.server.text]).toStrictEqual(['error', '']);
  });

  describe('without a DNS name in the subjectAltName', () => {
    const { commonName } = certificates;
    const to = (host: string, client: TlsClientOptions = {}): SessionOptions =>
      dialling(host, { server: commonName, client: { ca: commonName.cert, ...client } });

    spec('are not found in the common name (D3)', async (h) => {
      const session = new Session(h, to('name.test'));
      await Promise.all([session.client.up.ended, session.server.up.ended]);
      h.error(session.client.up.error, { code: 'ETLSCERT', phase: 'handshake' });
      const cause = (session.client.up.error as Error).cause as NodeJS.ErrnoException & { cert?: { subject: { CN: string } } };
      expect([cause.code, cause.cert?.subject.CN]).toStrictEqual(['ERR_TLS_CERT_ALTNAME_INVALID', 'name.test']);
      expect(cause.message).toMatch(/does not contain a DNS name/);
    });

    spec('are found in the common name by the rule of Node, where that is given', async (h) => {
      const { client } = await Session.connected(h, to('name.test', { checkServerIdentity }));
      expect(detailsOf(client).authorized).toBe(true);
    });

    spec('are found as an address of the subjectAltName', async (h) => {
      const { client } = await Session.connected(h, to('127.0.0.1'));
      expect(detailsOf(client).authorized).toBe(true);
    });
  });

  it('are TypeErrors at the dial when they are none', () => {
    const dial = (host: string): unknown => tlsClient()(memoryPair()[0])(testDial({ to: { host, port: 7 } }));
    for (const host of ['good.test\0.evil.test', 'a b', '.', 'xn--\u00ad.\u00ad', 'a\nb'])
      expect(() => dial(host), JSON.stringify(host)).toThrow(TypeError);
    dial('localhost');
  });

  spec('are checked by checkServerIdentity, if that is given', async (h) => {
    const asked: unknown[] = [];
    const check = (host: string, { subject }: { subject: { CN: string } }): Error | undefined => {
      asked.push([host, subject.CN]);
      return asked.length > 1 ? new Error('no more') : undefined;
    };
    const plugin = { checkServerIdentity: check } as TlsClientOptions;
    await Session.connected(h, dialling('other.test', { client: plugin }));
    const second = new Session(h, dialling('other.test', { client: plugin }));
    await Promise.all([second.client.up.ended, second.server.up.ended]);
    h.error(second.client.up.error, { code: 'ETLSCERT' });
    expect(asked).toStrictEqual(Array(2).fill(['other.test', 'localhost']));
  });

  const answers: Record<string, () => unknown> = {
    'a throw': () => {
      throw new Error('no more');
    },
    'a throw of what is no error': () => {
      throw 'no more'; // eslint-disable-line @typescript-eslint/only-throw-error
    },
    'an error': () => new Error('no more'),
    'words, as Node takes them': () => 'no more',
    'a promise, as Node takes it': async () => undefined,
  };
  spec.each(Object.keys(answers))('are refused by ETLSCERT when checkServerIdentity answers with %s', async (h, how) => {
    const check = answers[how] as () => undefined;
    const session = new Session(h, { client: { checkServerIdentity: check } });
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    h.error(session.client.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'client' });
    if (!how.includes('promise')) expect(((session.client.up.error as Error).cause as Error).message).toBe('no more');
    const through = await Session.connected(h, { client: { checkServerIdentity: check, rejectUnauthorized: false } });
    expect(detailsOf(through.client).authorized).toBe(false);
  });

  spec('are accepted when checkServerIdentity answers with null, as Node takes it', async (h) => {
    const { client } = await Session.connected(h, { client: { checkServerIdentity: () => null as unknown as undefined } });
    expect(detailsOf(client).authorized).toBe(true);
  });

  spec('say an untrusted root (D2)', async (h) => {
    const chain = `${server.cert}${ca}`;
    const session = new Session(h, { client: { ca: certificates.selfSigned.cert }, server: { cert: chain } });
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    h.error(session.client.up.error, { code: 'ETLSCERT' });
    expect(((session.client.up.error as Error).cause as NodeJS.ErrnoException).code).toBe('SELF_SIGNED_CERT_IN_CHAIN');
  });
});

/** Connections one after another, by the same two plugins. */
async function sessions(
  h: Harness,
  client: Plugin,
  service: Plugin,
  targets: readonly string[],
): Promise<{ reused: unknown[]; clients: WireDriver[] }> {
  const clients: WireDriver[] = [];
  for (const host of targets) {
    const [a, b] = memoryPair();
    const far = new WireDriver(h, service(b));
    const near = new WireDriver(h, client(a), { ...dialOf(), to: { host, port: 7 } });
    clients.push(near);
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    // A ticket of TLS 1.3 comes with or before the first bytes.
    far.write('hello');
    await h.until(() => near.text === 'hello');
    near.close();
    far.close();
    await Promise.all([near.up.ended, far.up.ended]);
  }
  return { reused: clients.map((each) => detailsOf(each).reused), clients };
}

describe.each(VERSIONS)('the sessions of tlsClient, %s', (maxVersion) => {
  const service = (options: Partial<TlsServerOptions> = {}): Plugin => tlsServer({ ...server, ...options, maxVersion });
  const TWICE = ['localhost', 'localhost'];

  spec('are resumed by the second connection to the same target', async (h) => {
    const { reused, clients } = await sessions(h, tlsClient({ ca }), service(), ['localhost', 'localhost', '127.0.0.1', 'localhost']);
    expect(reused).toStrictEqual([false, true, false, true]);
    const shown = clients.map((each) => detailsOf(each));
    expect(shown.every(({ authorized }) => authorized === true)).toBe(true);
    expect(shown[1]?.x509, 'the certificate is known of resumed ones, too').toStrictEqual(shown[0]?.x509);
  });

  spec('are not resumed with session: false, by another plugin value, or by a server that has changed its keys', async (h) => {
    expect((await sessions(h, tlsClient({ ca, session: false }), service(), TWICE)).reused).toStrictEqual([false, false]);
    const [first, second, far] = [tlsClient({ ca }), tlsClient({ ca }), service()];
    await sessions(h, first, far, ['localhost']);
    expect((await sessions(h, second, far, ['localhost'])).reused).toStrictEqual([false]);
    expect((await sessions(h, first, service(), ['localhost'])).reused).toStrictEqual([false]);
  });

  spec('are not resumed under another secure context: it may trust others', async (h) => {
    const contexts = new BehaviorSubject({ ca });
    const client = tlsClient({ secureContext: contexts });
    const far = service();
    expect((await sessions(h, client, far, TWICE)).reused).toStrictEqual([false, true]);
    contexts.next({ ca: certificates.selfSigned.cert });
    const [a, b] = memoryPair();
    new WireDriver(h, far(b));
    const near = new WireDriver(h, client(a), { ...dialOf(), to: { host: 'localhost', port: 7 } });
    await near.up.ended;
    h.error(near.up.error, { code: 'ETLSCERT' });
  });

  spec('are asked about by verify each time, and forgotten when it refuses', async (h) => {
    let trusted = true;
    const names: unknown[] = [];
    const client = tlsClient({
      ca,
      verify: ({ certificate, reused }) => {
        names.push([certificate?.subject.CN, reused]);
        return trusted;
      },
    });
    const far = service();
    await sessions(h, client, far, TWICE);
    trusted = false;
    await expect(sessions(h, client, far, ['localhost'])).rejects.toThrow();
    trusted = true;
    await sessions(h, client, far, ['localhost']);
    expect(names).toStrictEqual([
      ['localhost', false],
      ['localhost', true],
      ['localhost', true],
      ['localhost', false],
    ]);
  });

  spec('of a peer that was let through are still not authorized', async (h) => {
    const { clients } = await sessions(h, tlsClient({ ca, rejectUnauthorized: false }), service(), ['other.test', 'other.test']);
    expect(clients.map((each) => [detailsOf(each).reused, detailsOf(each).authorized, detailsOf(each).authorizationError])).toStrictEqual([
      [false, false, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      [true, false, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ]);
  });

  spec('are resumed by a server of Node, also where it asks for a certificate', async (h) => {
    const options: NodeOptions = { ...server, ca, requestCert: true, maxVersion, sessionIdContext: 'spec' };
    const node = createServer(options, (socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    h.defer(() => node.close());
    await once(node, 'listening');
    const to = { host: '127.0.0.1', port: (node.address() as AddressInfo).port };
    const client = tlsClient({ ca, ...certificates.client });
    const reused: unknown[] = [];
    for (let each = 0; each < 2; each += 1) {
      const near = new WireDriver(h, stack({ ssl: client }, tcp()), { ...dialOf(), to });
      near.write('hello');
      await h.until(() => near.text === 'hello');
      reused.push(detailsOf(near).reused);
      near.close();
      await near.up.ended;
    }
    expect(reused).toStrictEqual([false, true]);
  });
});

describe('layers of TLS', () => {
  spec('keep their options apart (L6)', async (h) => {
    const inner = tlsClient({ ca, servername: 'localhost', ALPNProtocols: ['inner'] });
    const outer = tlsClient({ ca, servername: 'other.test', minVersion: 'TLSv1.3', session: false });
    const [a, b] = memoryPair();
    const service = {
      inner: tlsServer({ ...server, ALPNProtocols: ['inner', 'outer'] }),
      outer: tlsServer({ ...certificates.other, ALPNProtocols: ['outer', 'inner'] }),
    };
    const far = new WireDriver(h, stack(service, b));
    const near = new WireDriver(h, stack({ inner, outer }, a), { ...dialOf(), to: { host: 'elsewhere.test', port: 7 } });
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    const seen = [0, 1].map((at) => [detailsOf(far, at).layer, detailsOf(far, at).servername, detailsOf(far, at).alpnProtocol]);
    expect(seen).toStrictEqual([
      ['inner', 'localhost', 'inner'],
      ['outer', 'other.test', false],
    ]);
  });
});
