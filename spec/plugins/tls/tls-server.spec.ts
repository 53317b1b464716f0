import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { BehaviorSubject, concat, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { connect } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import type { ContextSource } from '../../../src/plugins/tls/tls-options.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import type { LayerDetails, Plugin } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { client as tcpClient, serving } from '../../support/clients.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { pair } from '../../support/loopback.ts';
import { nodeTlsServer, Session, VERSIONS } from '../../support/tls-tools.ts';
import { wirePair } from '../../support/connected-pair.ts';

const { ca, server, other } = certificates;

function detailsOf({ up }: WireDriver): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[0] ?? {};
  return {};
}

/** A connection to a server plugin; the client takes any certificate and tells whose it was. */
function dialled(h: Harness, service: Plugin): { near: WireDriver; far: WireDriver; subject: () => Promise<unknown> } {
  const [a, b] = memoryPair();
  const far = new WireDriver(h, service(b), dialOf({ handshake: 1000 }));
  const near = new WireDriver(h, tlsClient({ rejectUnauthorized: false })(a), dialOf());
  const subject = async (): Promise<unknown> => {
    await Promise.all([near.waitFor('connected'), far.waitFor('connected')]);
    return (detailsOf(near).x509 as { subject: string }).subject;
  };
  return { near, far, subject };
}

describe('the secure contexts of tlsServer', () => {
  spec('are the newest for new connections, and open ones keep theirs', async (h) => {
    const contexts = new BehaviorSubject<ContextSource>(server);
    const service = tlsServer({ secureContext: contexts });
    const first = dialled(h, service);
    expect(await first.subject()).toBe('CN=localhost');
    contexts.next(createSecureContext(other));
    const second = dialled(h, service);
    expect(await second.subject()).toBe('CN=other.test');
    first.near.write('still here');
    await h.until(() => first.far.text === 'still here');
  });

  spec('are subscribed once for all connections there are, and let go with the last', async (h) => {
    let subscribed = 0;
    let open = 0;
    const contexts = new Observable<ContextSource>((out) => {
      subscribed += 1;
      open += 1;
      out.next(server);
      return () => (open -= 1);
    });
    const service = tlsServer({ secureContext: contexts });
    expect(subscribed, 'cold').toBe(0);
    const [first, second] = [dialled(h, service), dialled(h, service)];
    await Promise.all([first.subject(), second.subject()]);
    expect([subscribed, open]).toStrictEqual([1, 1]);
    first.far.up.unsubscribe();
    expect(open).toBe(1);
    second.far.reset(new Error('enough'));
    expect(open).toBe(0);
    await dialled(h, service).subject();
    expect([subscribed, open]).toStrictEqual([2, 1]);
  });

  spec.each(['errors', 'gives a bad one', 'completes'])('keep serving when the Observable %s, and say why', async (h, how) => {
    const why = new Error('cannot read it');
    const contexts = new Subject<ContextSource>();
    const service = tlsServer({ secureContext: concat(of(server), contexts) });
    const first = dialled(h, service);
    await first.subject();
    if (how === 'errors') contexts.error(why);
    else if (how === 'gives a bad one') contexts.next({ key: server.key, cert: 'not a certificate' });
    else contexts.complete();
    const second = dialled(h, service);
    expect(await second.subject()).toBe('CN=localhost');
    const told = detailsOf(second.far).secureContextError;
    if (how === 'errors') expect(told).toBe(why);
    else if (how === 'gives a bad one') expect(String(told)).toMatch(/TypeError: tlsServer: expected `cert`/);
    else expect(told).toBe(undefined);
    expect(detailsOf(first.far).secureContextError).toBe(undefined);
  });

  spec('keep the last good one when all have left before it errors', async (h) => {
    let good = true;
    const contexts = new Observable<ContextSource>((out) => {
      if (good) out.next(server);
      else out.error(new Error('gone'));
    });
    const service = tlsServer({ secureContext: contexts });
    const first = dialled(h, service);
    await first.subject();
    first.far.up.unsubscribe();
    good = false;
    expect(await dialled(h, service).subject()).toBe('CN=localhost');
  });

  spec('are waited for within the handshake', async (h) => {
    const contexts = new Subject<ContextSource>();
    const { near, far, subject } = dialled(h, tlsServer({ secureContext: contexts }));
    near.write('early');
    await h.until(() => contexts.observed);
    contexts.next(server);
    expect(await subject()).toBe('CN=localhost');
    await h.until(() => far.text === 'early');
  });

  spec('that never come are ETOHANDSHAKE; that fail at once are ETLS', async (h) => {
    const why = new Error('no such file');
    const failures: readonly (readonly [Observable<ContextSource>, string, unknown])[] = [
      [NEVER, 'ETOHANDSHAKE', undefined],
      [throwError(() => why), 'ETLS', why],
      [of(), 'ETLS', undefined],
      [of({ cert: 'bad', key: 'bad' }), 'ETLS', undefined],
      [of('bad' as ContextSource), 'ETLS', undefined],
    ];
    for (const [secureContext, code, cause] of failures) {
      const [, b] = memoryPair();
      const far = new WireDriver(h, tlsServer({ secureContext })(b), dialOf({ handshake: 50 }));
      await far.up.ended;
      h.error(far.up.error, { code, phase: 'handshake' });
      if (cause) expect((far.up.error as Error).cause).toBe(cause);
    }
  });

  spec('are for clients, too', async (h) => {
    const session = await Session.connected(h, {
      client: { secureContext: of(certificates.client), ca },
      server: { requestCert: true, ca },
    });
    expect((detailsOf(session.server).x509 as { subject: string }).subject).toBe('CN=a client');
  });

  spec('are chosen by name, also if that takes time', async (h) => {
    const context = createSecureContext(other);
    for (const [servername, subject] of [
      ['other.test', 'CN=other.test'],
      ['localhost', 'CN=localhost'],
    ] as const) {
      const { client } = await Session.connected(h, {
        client: { servername },
        server: { SNICallback: (name, done) => setImmediate(() => done(null, name === 'other.test' ? context : undefined)) },
      });
      expect([detailsOf(client).authorized, (detailsOf(client).x509 as { subject: string }).subject]).toStrictEqual([true, subject]);
    }
  });
});

describe.each(VERSIONS)('mutual authentication, %s (D14)', (version) => {
  spec('shows the certificate of the client when it is right', async (h) => {
    const { server: far } = await Session.connected(h, { version, client: certificates.client, server: { requestCert: true, ca } });
    expect(detailsOf(far).authorized).toBe(true);
    expect((detailsOf(far).x509 as { subject: string }).subject).toBe('CN=a client');
  });

  spec.each(['none', 'of a wrong CA', 'expired'])('refuses a certificate that is %s', async (h, what) => {
    const identity = { none: {}, 'of a wrong CA': certificates.selfSigned, expired: certificates.expired }[what];
    const { wire, to, accepted } = await wirePair(h, 'socket');
    const near = new WireDriver(h, stack({ client: tlsClient({ ca, ...identity, maxVersion: version }) }, wire), { ...dialOf(), to });
    const far = new WireDriver(h, stack({ server: tlsServer({ ...server, requestCert: true, ca }) }, await accepted));
    near.write('a secret');
    await far.up.ended;
    h.error(far.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'server' });
    expect([far.summary, far.text]).toStrictEqual(['error', '']);
    if (what !== 'none') {
      // Node can send no alert of ours: the client gets close_notify right after its handshake, and reports it.
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

describe('what cannot be agreed is ETLS at both ends, and the client says the alert (D15)', () => {
  const mismatches: Record<string, readonly [client: object, server: object, alert: number]> = {
    'the lowest version': [{ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }, 70],
    'the highest version': [{ minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }, 70],
    'the ciphers': [
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      40,
    ],
    ALPN: [{ ALPNProtocols: ['a'] }, { ALPNProtocols: ['b'] }, 120],
  };
  spec.each(Object.keys(mismatches))('%s', async (h, what) => {
    const [client, service, alert] = mismatches[what]!;
    const session = new Session(h, { client: { maxVersion: 'TLSv1.3', ...client }, server: service });
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    h.error(session.client.up.error, { code: 'ETLS', phase: 'handshake', layer: 'client' });
    h.error(session.server.up.error, { code: 'ETLS', phase: 'handshake', layer: 'server' });
    expect((session.client.up.error as Error).message).toMatch(new RegExp(`SSL alert number ${alert}\\b`));
    expect([session.client.summary, session.server.summary]).toStrictEqual(['error', 'error']);
  });

  spec('renegotiation of a client is refused', async (h) => {
    const { near, far } = await pair(h);
    const us = new WireDriver(h, tlsServer(server)(fromFh(near)));
    const node = connectTls({ socket: far, ca, servername: 'localhost', maxVersion: 'TLSv1.2' }).on('error', () => {});
    await Promise.all([us.waitFor('connected'), once(node, 'secureConnect')]);
    node.write('before');
    await h.until(() => us.text === 'before');
    for (let each = 0; each < 5 && !node.destroyed; each += 1) node.renegotiate({}, () => node.write('after'));
    await us.up.ended;
    h.error(us.up.error, { code: 'ETLS', phase: 'read' });
    expect((us.up.error as Error).message).toMatch(/renegotiation/);
    expect([us.summary, us.text]).toStrictEqual(['connected data error', 'before']);
  });

  spec('renegotiation of a server is refused', async (h) => {
    let renegotiate = (): void => {};
    const to = await nodeTlsServer(h, { maxVersion: 'TLSv1.2' }, (socket) => (renegotiate = () => socket.renegotiate({}, () => {})));
    const us = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to });
    await us.waitFor('connected');
    renegotiate();
    await us.up.ended;
    h.error(us.up.error, { code: 'ETLS', phase: 'read' });
    expect(us.summary).toBe('resolved connected error');
  });
});

describe('a listener with tlsServer', () => {
  spec('goes on, whatever its clients send (D6, D8)', async (h) => {
    const plugin = { ssl: tlsServer(server) };
    const { at, errors, seen } = await serving(h, (io) => io.send(io), { plugin, timeouts: { handshake: 300 } });
    const hello = Buffer.from('16030100050100000100', 'hex');
    const oversize = Buffer.concat([Buffer.from('1603017fff', 'hex'), Buffer.alloc(0x7fff, 1)]);
    const bad: Record<string, Buffer> = {
      garbage: Buffer.from('\0\u0001\u0002 garbage, garbage, garbage'),
      HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      'an oversize ClientHello': oversize,
      'a ClientHello of one byte': hello,
    };
    for (const bytes of Object.values(bad)) {
      const { socket } = await tcpClient(h, at);
      socket.write(bytes);
    }
    const silent = await tcpClient(h, at);
    const gone = dial(at).on('connect', () => gone.resetAndDestroy());
    const good = h.observed(connect({ ...at, plugin: { ssl: tlsClient({ ca }) } }));
    const io = await good.value();
    const echo = h.observed(io.data$);
    io.end('good');
    await echo.ended;
    expect(Buffer.concat(echo.values).toString()).toBe('good');
    await h.until(() => silent.closed || silent.ended, 'the silent one is dropped');
    await h.until(() => errors.values.length >= 6);
    const codes = errors.values.map((error) => (error as { code: string }).code);
    expect(codes.filter((code) => code === 'ETLS').length >= 3, codes.join()).toBe(true);
    expect(
      codes.includes('ETOHANDSHAKE') && codes.every((code) => ['ETLS', 'ETOHANDSHAKE', 'ECONNRESET'].includes(code)),
      codes.join(),
    ).toBe(true);
    expect(seen.state).toBe('open');
  });
});
