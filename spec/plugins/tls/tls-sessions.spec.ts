import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer, type TlsOptions as NodeOptions } from 'node:tls';
import { BehaviorSubject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer, type TlsServerOptions } from '../../../src/plugins/tls/tls-server.ts';
import { TlsSessions } from '../../../src/plugins/tls/tls-sessions.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, VERSIONS } from '../../support/tls-pair.ts';

const { ca, server } = certificates;

const kept = (length: number): Buffer => Buffer.alloc(length);

describe('TlsSessions', () => {
  it('keeps the newest session of a target, for each context', () => {
    const sessions = new TlsSessions();
    const [context, another] = [createSecureContext(), createSecureContext()];
    const [first, second] = [kept(1), kept(2)];
    sessions.of('a').set(context, first);
    sessions.of('a').set(context, second);
    expect(sessions.of('a').get(context)).toBe(second);
    expect(sessions.of('b').get(context)).toBe(undefined);
    expect(sessions.of('a').get(another)).toBe(undefined);
    sessions.of('a').set(context, undefined);
    expect(sessions.of('a').get(context)).toBe(undefined);
  });

  it('keeps the newest sessions of 100 targets', () => {
    const sessions = new TlsSessions();
    const context = createSecureContext();
    for (let at = 0; at < 100; at += 1) sessions.of(`${at}`).set(context, kept(1));
    sessions.of('0').set(context, kept(2));
    sessions.of('100').set(context, kept(1));
    const remaining = Array.from({ length: 101 }, (_, at) => `${at}`).filter((target) => sessions.of(target).get(context));
    expect(remaining.length).toBe(100);
    expect(!remaining.includes('1'), 'the session that was renewed longest ago is dropped').toBe(true);
  });

  it('does not keep a session over 16 KiB', () => {
    const sessions = new TlsSessions();
    const context = createSecureContext();
    sessions.of('a').set(context, kept(16 * 1024));
    expect(sessions.of('a').get(context)).toBeTruthy();
    sessions.of('a').set(context, kept(16 * 1024 + 1));
    expect(sessions.of('a').get(context)).toBe(undefined);
  });
});

/** Connects several times, one after the other, with the same two plugins. */
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
    // A ticket of TLS 1.3 arrives with or before the first bytes.
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

  spec('resumes the session of the same target at the second connection', async (h) => {
    const { reused, clients } = await sessions(h, tlsClient({ ca }), service(), ['localhost', 'localhost', '127.0.0.1', 'localhost']);
    expect(reused).toStrictEqual([false, true, false, true]);
    const shown = clients.map((each) => detailsOf(each));
    expect(shown.every(({ authorized }) => authorized === true)).toBe(true);
    expect(shown[1]?.x509, 'the certificate of a resumed connection is known').toStrictEqual(shown[0]?.x509);
  });

  spec('resumes no session with session: false, of another plugin or of a server with new keys', async (h) => {
    expect((await sessions(h, tlsClient({ ca, session: false }), service(), TWICE)).reused).toStrictEqual([false, false]);
    const [first, second, far] = [tlsClient({ ca }), tlsClient({ ca }), service()];
    await sessions(h, first, far, ['localhost']);
    expect((await sessions(h, second, far, ['localhost'])).reused).toStrictEqual([false]);
    expect((await sessions(h, first, service(), ['localhost'])).reused).toStrictEqual([false]);
  });

  spec('resumes no session under another secure context, which may trust others', async (h) => {
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

  spec('calls verify at each resumption, and forgets the session when it refuses', async (h) => {
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

  spec('does not authorize a resumed peer that was not authorized before', async (h) => {
    const { clients } = await sessions(h, tlsClient({ ca, rejectUnauthorized: false }), service(), ['other.test', 'other.test']);
    expect(clients.map((each) => [detailsOf(each).reused, detailsOf(each).authorized, detailsOf(each).authorizationError])).toStrictEqual([
      [false, false, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      [true, false, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ]);
  });

  spec('resumes sessions of a server of Node, also if it requests a certificate', async (h) => {
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
