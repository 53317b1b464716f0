import { once } from 'node:events';
import { connect, createServer, type DetailedPeerCertificate, type TLSSocket, type TlsOptions } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { SocketDuplex } from '../../src/adapters/socket-duplex.ts';
import { toDuplex } from '../../src/adapters/to-duplex.ts';
import { handshake } from '../../src/layers/handshake.ts';
import { tlsClient, type TlsClientOptions } from '../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../src/plugins/tls/tls-server.ts';
import { trace } from '../../src/plugins/trace.ts';
import { open } from '../../src/stream/open.ts';
import type { Plugins } from '../../src/wire/stack.ts';
import { ca, client, server as identity } from '../support/certificates.ts';
import { testDuplex, NEVER_CONNECTED } from '../support/duplexes.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { served } from '../support/loopback.ts';
import { unhandled } from '../stream/tools.ts';

/** Starts a TLS server of Node that sends no data. */
async function serving(h: Harness, options: TlsOptions = {}): Promise<{ host: string; port: number }> {
  const server = createServer({ ...identity, ...options }, (socket) => socket.on('error', () => {}).resume());
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  h.defer(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** Returns the members of TLS that libraries read. */
function factsOf(socket: TLSSocket | SocketDuplex): unknown {
  const own = socket.getPeerCertificate?.();
  const detailed = socket.getPeerCertificate?.(true);
  return {
    encrypted: socket.encrypted,
    authorized: socket.authorized,
    authorizationError: socket.authorizationError,
    alpnProtocol: socket.alpnProtocol,
    protocol: socket.getProtocol?.(),
    cipher: socket.getCipher?.(),
    reused: socket.isSessionReused?.(),
    certificate: [own?.subject, own?.fingerprint256, own !== undefined && 'issuerCertificate' in own],
    issuer: (detailed as Partial<DetailedPeerCertificate> | undefined)?.issuerCertificate?.subject,
    x509: socket.getPeerX509Certificate?.()?.fingerprint256,
    key: socket.getEphemeralKeyInfo?.(),
    material: socket.exportKeyingMaterial?.(8, 'label', Buffer.alloc(0)).length,
    session: Buffer.isBuffer(socket.getSession?.()),
  };
}

async function closed(duplex: SocketDuplex | TLSSocket): Promise<void> {
  duplex.destroy();
  await once(duplex, 'close');
}

describe('Duplex over TLS', () => {
  const clients: Record<string, readonly [TlsClientOptions, TlsOptions]> = {
    'of an authorized server': [{ ca, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] }, { ALPNProtocols: ['h2'] }],
    'of a server with TLS 1.2': [{ ca, servername: 'localhost', maxVersion: 'TLSv1.2' }, {}],
    'of an unauthorized server': [{ servername: 'localhost', rejectUnauthorized: false }, {}],
    'of a server with another name': [{ ca, servername: 'elsewhere.test', rejectUnauthorized: false }, {}],
  };
  spec.each(Object.keys(clients))('has the values of a TLSSocket %s', async (h, name) => {
    const [options, of] = clients[name]!;
    const place = await serving(h, of);
    const socket = connect({ ...place, ...(options as object) });
    await once(socket, 'secureConnect');
    const { duplex } = testDuplex(h, { ...place, plugin: { tls: tlsClient(options) } });
    await once(duplex, 'secureConnect');
    expect(factsOf(duplex)).toEqual(factsOf(socket));
    await Promise.all([closed(socket), closed(duplex)]);
  });

  spec('reports a throw of a listener of connect as its own, not as an error of TLS', async (h) => {
    const reported = unhandled(h);
    const place = await serving(h);
    const { duplex } = testDuplex(h, { ...place, plugin: { tls: tlsClient({ ca, servername: 'localhost' }) } });
    const thrown = new Error('listener');
    duplex.once('connect', () => {
      throw thrown;
    });
    await once(duplex, 'secureConnect');
    await h.until(() => reported.length > 0);
    expect(reported).toStrictEqual([thrown]);
    await closed(duplex);
  });

  spec('emits connect, then secureConnect, and has no facts of TLS before', async (h) => {
    const place = await serving(h);
    const { duplex } = testDuplex(h, { ...place, plugin: { tls: tlsClient({ ca, servername: 'localhost' }) } });
    const before = [duplex.encrypted, duplex.secureConnecting, duplex.authorized, duplex.alpnProtocol, duplex.getProtocol?.()];
    expect(before).toEqual([true, true, false, null, null]);
    expect([duplex.getPeerCertificate?.(), duplex.getCipher?.(), duplex.isSessionReused?.()]).toEqual([{}, undefined, false]);
    expect(() => duplex.exportKeyingMaterial?.(8, 'label', Buffer.alloc(0))).toThrow('expected an open TLS connection');
    const events: string[] = [];
    for (const name of ['connect', 'ready', 'secureConnect']) duplex.on(name, () => events.push(name));
    await once(duplex, 'secureConnect');
    expect(events).toEqual(['connect', 'ready', 'secureConnect']);
    expect([duplex.secureConnecting, duplex.alpnProtocol]).toEqual([false, false]);
    await closed(duplex);
  });

  spec('emits connect when the handshake starts, and no secureConnect if it does not end', async (h) => {
    const { duplex } = testDuplex(h, { ...(await served(h)), plugin: { tls: tlsClient({ ca, servername: 'localhost' }) } });
    const events: string[] = [];
    for (const name of ['connect', 'ready', 'secureConnect']) duplex.on(name, () => events.push(name));
    await once(duplex, 'connect');
    expect([duplex.connecting, duplex.secureConnecting, duplex.readyState, duplex.alpnProtocol]).toEqual([false, true, 'open', null]);
    duplex.connect(() => events.push('called'));
    await new Promise(setImmediate);
    expect(events).toEqual(['connect', 'ready', 'connect', 'called', 'ready']);
    await closed(duplex);
  });

  spec('reports a resumed session, with the certificate of the first one', async (h) => {
    const place = await serving(h);
    const plugin = { tls: tlsClient({ ca, servername: 'localhost' }) };
    const seen: unknown[] = [];
    for (let each = 0; each < 2; each += 1) {
      const { duplex, io } = testDuplex(h, { ...place, plugin });
      await once(duplex, 'secureConnect');
      await h.until(() => io.details.tls?.reused === true || duplex.getTLSTicket?.() !== undefined);
      seen.push([duplex.isSessionReused?.(), duplex.authorized, duplex.getPeerCertificate?.().subject.CN]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await closed(duplex);
    }
    expect(seen).toEqual([
      [false, true, 'localhost'],
      [true, true, 'localhost'],
    ]);
  });

  spec('has the certificate of the client, and the requested name, on a server', async (h) => {
    let accepted: SocketDuplex | undefined;
    const tls = tlsServer({ ...identity, ca, requestCert: true, ALPNProtocols: ['x'] });
    const place = await served(h, (socket) => (accepted = testDuplex(h, { fh: socket, plugin: { tls } }).duplex));
    const socket = connect({ ...place, ca, ...client, servername: 'localhost', ALPNProtocols: ['x'] });
    await once(socket, 'secureConnect');
    const duplex = accepted!;
    if (duplex.secureConnecting) await once(duplex, 'secureConnect');
    expect([duplex.servername, duplex.alpnProtocol, duplex.authorized]).toEqual(['localhost', 'x', true]);
    expect(duplex.getPeerCertificate?.().subject.CN).toBe('a client');
    await Promise.all([closed(socket), closed(duplex)]);
  });

  spec('has the members of TLS if the stream is open, also below plugins without details', async (h) => {
    const place = await serving(h);
    const plugin: Plugins = { trace: trace({ sink: () => {} }), tls: tlsClient({ ca, servername: 'localhost' }) };
    const io = await open({ ...place, plugin });
    h.defer(() => io.reset());
    expect(toDuplex(io)).toMatchObject({ encrypted: true, authorized: true });
  });

  spec('has no members of TLS if TLS ends at a proxy', async (h) => {
    const place = await serving(h);
    const proxy = handshake({
      *talk() {
        // A proxy without a conversation.
      },
    });
    const plugin: Plugins = { proxy, tls: tlsClient({ ca, servername: 'localhost' }) };
    const { duplex } = testDuplex(h, { ...place, plugin });
    duplex.on('secureConnect', () => expect.unreachable('no TLS with the peer'));
    await once(duplex, 'connect');
    expect([duplex.encrypted, duplex.authorized, duplex.alpnProtocol]).toEqual([false, false, undefined]);
    await closed(duplex);
    const io = await open({ ...place, plugin });
    h.defer(() => io.reset());
    expect('encrypted' in toDuplex(io)).toBe(false);
  });

  spec('fails with the code of Node for an invalid certificate, and for a server without TLS', async (h) => {
    const tls = tlsClient({ servername: 'localhost' });
    const { duplex } = testDuplex(h, { ...(await serving(h)), plugin: { tls } });
    const [error] = (await once(duplex, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', cause: { code: 'ETLSCERT' } });

    const place = await served(h, (socket) => socket.on('error', () => {}).end());
    const { duplex: other } = testDuplex(h, { ...place, plugin: { tls } });
    const [end] = (await once(other, 'error')) as [Error];
    expect(end).toMatchObject({ code: 'ECONNRESET', cause: { code: 'ETLS' } });
  });

  it('has the members of TLS before it is connected only with a TLS plugin', () => {
    for (const [plugin, has] of [
      [{ tls: tlsClient({ servername: 'x' }) }, true],
      [{ noop: trace({ sink: () => {} }) }, false],
    ] as const) {
      const io = testDuplex({ defer: () => {} } as unknown as Harness, { wire: NEVER_CONNECTED, plugin });
      expect('getPeerCertificate' in io.duplex).toBe(has);
      io.duplex.destroy();
    }
  });
});
