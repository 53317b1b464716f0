import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { connect } from 'node:tls';
import {
  concat,
  EMPTY,
  finalize,
  map,
  NEVER,
  Observable,
  of,
  Subject,
  tap,
  throwError,
  timer,
  VirtualTimeScheduler,
  type ObservableInput,
} from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { handshake } from '../../../src/layers/handshake.ts';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import type { TlsOptions, TlsPeer } from '../../../src/plugins/tls/tls-options.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import type { LayerDetails, Plugin, Up } from '../../../src/wire/signal.ts';
import { stack } from '../../../src/wire/stack.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { invariants, type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';
import { pair, served } from '../../support/loopback.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import {
  endsWithAlert,
  Held,
  inOnePiece,
  nodeTlsServer,
  otherOf,
  ROLES,
  Session,
  VERSIONS,
  type Role,
  type SessionOptions,
} from '../../support/tls-tools.ts';
import { CONNECTIONS, connectedPair } from '../../support/connected-pair.ts';

const { ca, server } = certificates;
const KiB = 1024;
const MiB = 1024 * KiB;
const LONG = Buffer.alloc(2 * MiB, 'long');

function detailsOf({ up }: WireDriver, at = 0): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[at] ?? {};
  return {};
}

describe.each(VERSIONS)('tlsClient and tlsServer, %s', (version) => {
  spec('are connected when the handshake is through, and say what was agreed', async (h) => {
    const { client, server } = await Session.connected(h, {
      version,
      client: { ALPNProtocols: ['h2', 'x'] },
      server: { ALPNProtocols: ['x'] },
    });
    const common = { protocol: version, alpnProtocol: 'x', servername: 'localhost', reused: false };
    const { cipher, x509, ...details } = detailsOf(client);
    expect(String(cipher)).toMatch(/AES|CHACHA20/);
    expect(details).toStrictEqual({ ...common, authorized: true, layer: 'client' });
    expect((x509 as X509Certificate).checkHost('localhost')).toBe('localhost');
    expect(detailsOf(server)).toStrictEqual({ ...common, cipher, authorized: false, x509: undefined, layer: 'server' });
    expect(detailsOf(client, 1)).toStrictEqual({ wire: 'memory' });
  });

  spec('dial a server of Node', async (h) => {
    const to = await nodeTlsServer(h, { maxVersion: version }, (socket) => socket.pipe(socket));
    const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to });
    await client.waitFor('connected');
    expect(detailsOf(client).protocol).toBe(version);
    expect(detailsOf(client).servername, 'an address is no server name').toBe(undefined);
    client.write(LONG);
    client.end();
    await client.up.ended;
    h.sameBytes(client.bytes, LONG);
    expect(client.sent).toBe(LONG.length);
    expect(client.summary).toMatch(/ end( sent)? complete$/);
    assert(client.up.values.every((signal) => !('truncated' in signal)));
  });

  spec('serve a client of Node over an accepted socket', async (h) => {
    const { near, far } = await pair(h);
    const us = new WireDriver(h, tlsServer(server)(fromFh(near)));
    const node = connect({ socket: far, ca, servername: 'localhost', maxVersion: version });
    await Promise.all([us.waitFor('connected'), once(node, 'secureConnect')]);
    expect(detailsOf(us).servername).toBe('localhost');
    const answer: Buffer[] = [];
    node.on('data', (chunk: Buffer) => answer.push(chunk)).end('question');
    await us.waitFor('end');
    expect(us.text).toBe('question');
    us.write('ans');
    us.write('wer');
    us.end();
    await Promise.all([once(node, 'end'), us.up.ended]);
    h.sameBytes(answer, 'answer');
    expect(us.up.state).toBe('complete');
  });

  spec('get what came with the last message of the handshake, whole', async (h) => {
    // Who hears the last message: the other one may speak at once.
    const us: Role = version === 'TLSv1.2' ? 'client' : 'server';
    const seen: Partial<Record<Up['kind'], number>> = {};
    const session: Session = new Session(h, {
      version,
      below: { [us]: inOnePiece },
      seen: { [us]: ({ kind }: Up) => (seen[kind] ??= session.taps[us].up.filter((signal) => signal.kind === 'data').length) },
    });
    const greeting = Buffer.alloc(40_000, 'hi');
    await session[otherOf(us)].waitFor('connected');
    session[otherOf(us)].write(greeting);
    await h.until(() => session[us].received >= greeting.length);
    h.sameBytes(session[us].bytes, greeting);
    expect(seen.data, 'both came in one chunk of ciphertext').toBe(seen.connected);
  });

  spec.each(ROLES)('%s: a pause that came before connected goes down when the handshake is through', async (h, us) => {
    const session = new Session(h, { version });
    session[us].pause();
    await Promise.all([session.client.waitFor('connected'), session.server.waitFor('connected')]);
    expect(session.taps[us].down.filter(({ kind }) => kind !== 'data')).toStrictEqual([{ kind: 'pause' }]);
    session[otherOf(us)].write(LONG);
    await session[otherOf(us)].waitFor('pause');
    assert(session[us].received <= 512 * KiB);
    session[us].resume();
    await h.until(() => session[us].received === LONG.length);
  });

  it.each(ROLES)('%s: tells a bare FIN from close_notify, however the bytes are cut (D9, D10)', async (us) => {
    for (const clean of [true, false]) {
      for (const cut of [1, 7, 100, Infinity]) {
        await invariants(async (h) => {
          const held = new Held();
          const session = await Session.connected(h, { version, below: { [us]: held.plugin } });
          const last = Buffer.alloc(20_000, 'last');
          await held.calm();
          held.hold();
          session[otherOf(us)].write(last);
          if (clean) session[otherOf(us)].end();
          await held.calm();
          held.release(cut);
          // No tick has passed since the end of the wire.
          const told = session[us].up.values.find(({ kind }) => kind === 'end');
          expect(told, `${cut} bytes at a time`).toStrictEqual(clean ? { kind: 'end' } : { kind: 'end', truncated: true });
          h.sameBytes(session[us].bytes, last);
          expect(detailsOf(session[us]).truncated).toBe(clean ? undefined : true);
        })();
      }
    }
  });

  spec('tell a bare FIN on a real socket, and go on in the other direction', async (h) => {
    let heard = '';
    const to = await nodeTlsServer(h, { maxVersion: version }, (socket, below) => {
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      socket.write('cut', () => below.end());
    });
    const client = new WireDriver(h, stack({ ssl: tlsClient({ ca }) }, tcp()), { ...dialOf(), to });
    await client.waitFor('end');
    expect(client.up.values.at(-1)).toStrictEqual({ kind: 'end', truncated: true });
    expect(client.text).toBe('cut');
    client.write('still here');
    await h.until(() => heard === 'still here');
    client.end();
    expect((await client.up.ended).state).toBe('complete');
  });

  it.each(ROLES)('%s: closing hands down what is held and close_notify, in every state (D11)', async (us) => {
    const states: Record<string, (session: Session) => unknown> = {
      idle: () => turn(),
      'just written': (session) => session[us].write('the last words'),
      'in the middle of a long write': async (session) => {
        session[us].write(LONG);
        await turn();
      },
      'after our own end': (session) => session[us].end(),
      'after the end of the peer': async (session) => {
        session[otherOf(us)].end();
        await session[us].waitFor('end');
      },
      'while the wire below is paused': async (session) => {
        session[otherOf(us)].pause();
        session[us].write(LONG);
        await session[us].waitFor('pause');
      },
    };
    for (const [state, enter] of Object.entries(states)) {
      await invariants(async (h) => {
        const session = await Session.connected(h, { version });
        const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
        await enter(session);
        ours.close();
        await h.until(() => tap.flow === 'complete', `${state}: the wire below is completed`);
        assert(endsWithAlert(tap.written, version), `${state}: the last record is an alert`);
        theirs.resume();
        await theirs.waitFor('end');
        assert(
          theirs.up.values.every((signal) => !('truncated' in signal)),
          state,
        );
        expect(theirs.received, state).toBe(ours.written);
        theirs.close();
        await Promise.all([ours.up.ended, theirs.up.ended]);
        expect([ours.up.state, theirs.up.state, ours.sent], state).toStrictEqual(['complete', 'complete', ours.written]);
      })();
    }
  });

  spec.each(ROLES)('%s: closing from inside connected says close_notify too (D11)', async (h, us) => {
    const session: Session = new Session(h, { version, seen: { [us]: ({ kind }: Up) => kind === 'connected' && session[us].close() } });
    await session[otherOf(us)].waitFor('end');
    expect(session[otherOf(us)].up.values.at(-1)).toStrictEqual({ kind: 'end' });
    assert(endsWithAlert(session.taps[us].written, version));
    session[otherOf(us)].close();
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    expect(session[us].up.state).toBe('complete');
  });

  spec.each(ROLES)('%s: what waits below when it closes is not lost by a bad record of the peer (D11)', async (h, us) => {
    const below = new Held();
    const session = await Session.connected(h, { version, below: { [us]: below.plugin } });
    const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
    theirs.pause();
    ours.write(LONG);
    await ours.waitFor('pause');
    ours.close();
    await h.until(() => tap.flow === 'complete', 'the wire below is completed');
    below.give({ kind: 'data', bytes: Buffer.from('this is no record at all') });
    expect(ours.up.state).toBe('open');
    theirs.resume();
    await theirs.waitFor('end');
    theirs.close();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect(theirs.received).toBe(LONG.length);
    h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
  });

  spec.each(ROLES)('%s: what it can encrypt no more is an error, told when the wire below is done (D11)', async (h, us) => {
    const below = new Held();
    const session = await Session.connected(h, { version, below: { [us]: below.plugin } });
    const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
    theirs.pause();
    const before = tap.written.length;
    ours.write('the first words');
    await h.until(() => tap.written.length > before);
    ours.write(LONG);
    ours.close();
    below.give({ kind: 'data', bytes: Buffer.from('this is no record at all') });
    expect([tap.flow, ours.up.state]).toStrictEqual(['complete', 'open']);
    theirs.resume();
    await theirs.waitFor('end');
    theirs.close();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
    expect(theirs.text).toMatch(/^the first words/);
    assert(theirs.received < ours.written);
  });

  spec.each(ROLES)('%s: end is close_notify and closes nothing below', async (h, us) => {
    const session = await Session.connected(h, { version });
    const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
    ours.write('question');
    ours.end();
    await theirs.waitFor('end');
    assert(tap.flow === 'open' && tap.down.every(({ kind }) => kind === 'data'));
    assert(endsWithAlert(tap.written, version));
    theirs.write('answer');
    await h.until(() => ours.text === 'answer');
    theirs.end();
    await Promise.all([ours.up.ended, theirs.up.ended]);
    expect([ours.up.state, theirs.up.state]).toStrictEqual(['complete', 'complete']);
  });

  spec.each(ROLES)('%s: a record that is not genuine is ETLS, and the other end is told why', async (h, us) => {
    let forging = false;
    const forge: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        wire(dial),
        map((signal) => (forging && signal.kind === 'data' ? { ...signal, bytes: forged(signal.bytes) } : signal)),
      );
    const session = await Session.connected(h, { version, below: { [us]: forge } });
    const [ours, theirs] = [session[us], session[otherOf(us)]];
    theirs.write('genuine');
    await h.until(() => ours.text === 'genuine');
    forging = true;
    theirs.write('forged');
    await Promise.all([ours.up.ended, theirs.up.ended]);
    h.error(ours.up.error, { code: 'ETLS', phase: 'read', layer: us });
    expect(String((ours.up.error as Error).cause)).toMatch(/bad record mac|cipher operation failed/i);
    h.error(theirs.up.error, { code: 'ETLS', phase: 'read', layer: otherOf(us) });
    expect(String((theirs.up.error as Error).cause)).toMatch(/alert bad record mac/i);
    expect(ours.text).toBe('genuine');
  });

  spec.each(ROLES)('%s: sent follows the ciphertext: exact, and without the handshake and close_notify', async (h, us) => {
    // Keeps `sent` of the wire below back, and gives it on as it is told to.
    let kept = 0;
    let holding = false;
    const gate = new Held();
    const slow: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        wire(dial),
        map((signal): Up => {
          if (!holding || signal.kind !== 'sent') return signal;
          kept += signal.bytes;
          return { kind: 'sent', bytes: 0 };
        }),
      );
    const below: Plugin = (wire) => gate.plugin(slow(wire));
    const session = await Session.connected(h, { version, below: { [us]: below } });
    const { [us]: ours } = session;
    await gate.calm();
    expect(ours.sent, 'the handshake is kept out').toBe(0);
    holding = true;
    const before = session.taps[us].written.length;
    ours.write('x'.repeat(100_000));
    await gate.calm();
    const made = session.taps[us].written.length - before;
    expect(kept, 'the wire below has sent it all').toBe(made);
    expect(ours.sent).toBe(0);
    gate.give({ kind: 'sent', bytes: made - 1 });
    expect(ours.sent, 'one byte of ciphertext is missing').toBe(0);
    gate.give({ kind: 'sent', bytes: 1 });
    expect(ours.sent).toBe(100_000);
    ours.end();
    holding = false;
    await gate.calm();
    expect(ours.sent, 'close_notify is kept out').toBe(100_000);
  });

  spec.each(ROLES)('%s: 10 MB in one write leave little in between', async (h, us) => {
    const session = await Session.connected(h, { version });
    const [ours, theirs] = [session[us], session[otherOf(us)]];
    const bytes = Buffer.alloc(10_000_000, '0123456789');
    ours.write(bytes);
    expect(ours.isPaused).toBe(true);
    await h.until(() => ours.sent === bytes.length, 'all of it is sent');
    await h.until(() => theirs.received === bytes.length, 'all of it comes');
    h.sameBytes(theirs.bytes, bytes);
    const { mostInFlight } = session.taps[us];
    assert(mostInFlight < 512 * KiB, `${mostInFlight} bytes of ciphertext waited in the wire below`);
    expect(ours.isPaused).toBe(false);
  });
});

/** The last byte of it is another. */
function forged(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}

describe('a handshake of TLS that fails', () => {
  /** The errors with which both ends end; neither was connected. */
  async function failed(h: Harness, options: SessionOptions): Promise<Record<Role, unknown>> {
    const session = new Session(h, options);
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    expect(session.client.summary).toBe('error');
    return { client: session.client.up.error, server: session.server.up.error };
  }

  const refusals: Record<string, readonly [SessionOptions, string]> = {
    'has expired': [{ server: certificates.expired }, 'CERT_HAS_EXPIRED'],
    'is not valid yet': [{ server: certificates.future }, 'CERT_NOT_YET_VALID'],
    'is signed by itself': [{ server: certificates.selfSigned }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    'has an unknown issuer': [{ client: { ca: certificates.selfSigned.cert } }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    'is for another host': [{ server: certificates.other }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'is for another address': [{ dial: { to: { host: '127.0.0.2', port: 7 } } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  };
  spec.each(Object.keys(refusals))('is ETLSCERT when the certificate %s (D1, D2, D3)', async (h, why) => {
    const [options, code] = refusals[why]!;
    const { client } = await failed(h, options);
    h.error(client, { code: 'ETLSCERT', phase: 'handshake', layer: 'client', fatal: true });
    expect(((client as Error).cause as NodeJS.ErrnoException).code).toBe(code);
  });

  spec('may be let through, and says so', async (h) => {
    const { client } = await Session.connected(h, {
      client: { rejectUnauthorized: false },
      server: certificates.expired,
    });
    expect([detailsOf(client).authorized, detailsOf(client).authorizationError]).toStrictEqual([false, 'CERT_HAS_EXPIRED']);
  });

  spec('checks the name of the target, not that of a proxy, and tells the server the same', async (h) => {
    const dials = { host: 'proxy.test', port: 1080 };
    const through: Plugin = (wire) => (dial) => wire({ ...dial, to: dials });
    const good = await Session.connected(h, { below: { client: through } });
    expect(detailsOf(good.server).servername).toBe('localhost');
    const named = await Session.connected(h, { client: { servername: 'other.test' }, server: certificates.other });
    expect(detailsOf(named.server).servername).toBe('other.test');
  });

  it('is a TypeError at the dial when there is no name to check', () => {
    const client = tlsClient({ ca });
    expect(() => client(tcp())(testDial())).toThrow(TypeError);
    expect(() => client(tcp())(testDial({ to: { path: '/run/socket' } }))).toThrow(TypeError);
    client(tcp())(testDial({ to: { host: 'localhost', port: 7 } }));
    tlsClient({ servername: 'localhost' })(tcp())(testDial());
    tlsClient({ rejectUnauthorized: false })(tcp())(testDial());
  });

  it('is a TypeError at the call when a certificate cannot be used', () => {
    expect(() => tlsServer({ ...server, cert: 'not a certificate' })).toThrow(TypeError);
    expect(() => tlsClient({ minVersion: 'TLSv9' as 'TLSv1.3' })).toThrow(TypeError);
  });

  describe('when the server asks for a certificate', () => {
    spec.each(VERSIONS)('%s: accepts a good one', async (h, version) => {
      const { server } = await Session.connected(h, { version, client: certificates.client, server: { requestCert: true, ca } });
      expect(detailsOf(server).authorized).toBe(true);
    });

    it.each(VERSIONS)('%s: refuses none and a bad one', async (version) => {
      for (const client of [{}, certificates.selfSigned]) {
        await invariants(async (h) => {
          const session = new Session(h, { version, client, server: { requestCert: true, ca } });
          await Promise.all([session.client.up.ended, session.server.up.ended]);
          expect(session.server.summary).toBe('error');
          h.error(session.server.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'server' });
          expect(session.client.up.state).toBe('error');
        })();
      }
    });

    it.each(VERSIONS)('%s: may let both through', async (version) => {
      for (const client of [{}, certificates.selfSigned]) {
        await invariants(async (h) => {
          const { server } = await Session.connected(h, {
            version,
            client,
            server: { requestCert: true, ca, rejectUnauthorized: false },
          });
          expect(detailsOf(server).authorized).toBe(false);
          expect(typeof detailsOf(server).authorizationError).toBe('string');
        })();
      }
    });
  });

  spec('is ETLS when the versions do not meet', async (h) => {
    const { client, server } = await failed(h, { version: 'TLSv1.2', server: { minVersion: 'TLSv1.3' } });
    h.error(client, { code: 'ETLS', phase: 'handshake', layer: 'client' });
    h.error(server, { code: 'ETLS', phase: 'handshake', layer: 'server' });
    expect(String((client as Error).cause)).toMatch(/alert protocol version/);
  });

  spec('is ETLS when the peer speaks no TLS, also if it ends at once', async (h) => {
    for (const words of ['GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-OpenSSH_9.2\r\n']) {
      const place = await served(h, (socket) => socket.end(words));
      const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
      await client.up.ended;
      h.error(client.up.error, { code: 'ETLS', phase: 'handshake' });
      expect(String((client.up.error as Error).cause)).toMatch(/wrong version number|packet length|http request/);
    }
  });

  spec.each(ROLES)("is OpenSSL's error for a %s although the wire ends or fails in the same tick", (h, us) => {
    for (const after of ['end', 'failure']) {
      const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
      const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 }, layer: 'ssl' }) });
      ride.wire.connect();
      ride.wire.emit({ kind: 'data', bytes: Buffer.from('220 mail.test ready\r\n') });
      if (after === 'end') ride.wire.emit({ kind: 'end' });
      else ride.wire.fail(new Error('read ECONNRESET'));
      h.error(ride.error, { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
      expect(((ride.error as Error).cause as NodeJS.ErrnoException).code).toBe('ERR_SSL_WRONG_VERSION_NUMBER');
    }
  });

  spec.each(ROLES)('is ETLS for a %s whose peer ends within it, at any byte (D7)', async (h, us) => {
    const whole = await Session.connected(h, { version: 'TLSv1.2' });
    const flight = whole.taps[otherOf(us)].written;
    for (const length of [0, 1, 5, 100, flight.length - 1]) {
      const plugin = us === 'client' ? tlsClient({ ca, maxVersion: 'TLSv1.2' }) : tlsServer(server);
      const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
      ride.wire.connect();
      if (length > 0) ride.wire.emit({ kind: 'data', bytes: flight.subarray(0, Math.min(length, 100)) });
      ride.wire.emit({ kind: 'end' });
      h.error(ride.error, { code: 'ETLS', phase: 'handshake' });
      assert(ride.wire.freed);
    }
  });

  spec.each(ROLES)('is ETLS for a %s whose peer says close_notify within it', (h, us) => {
    const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
    const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
    ride.wire.connect();
    ride.wire.emit({ kind: 'data', bytes: Uint8Array.of(21, 3, 3, 0, 2, 1, 0) });
    h.error(ride.error, { code: 'ETLS', phase: 'handshake' });
  });

  spec('is the error of the wire when that fails (D7)', async (h) => {
    const place = await served(h, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
    await client.up.ended;
    h.error(client.up.error, { code: 'ECONNRESET', phase: 'handshake' });
    expect(client.summary).toBe('resolved error');
  });

  spec.each(ROLES)('is ETOHANDSHAKE for a %s whose peer is silent, on the scheduler of the dial (D8)', (h, us) => {
    for (const [handshake, deadline] of [
      [1000, 5000],
      [5000, 1000],
    ] as const) {
      const scheduler = new VirtualTimeScheduler();
      const to = { host: 'localhost', port: 7 };
      const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
      const ride = new PluginDriver(plugin, { dial: testDial({ to, scheduler, timeouts: { handshake }, deadline, layer: 'ssl' }) });
      scheduler.flush();
      expect(ride.state, 'the time runs from when the wire below is connected').toBe('open');
      ride.wire.connect();
      scheduler.flush();
      h.error(ride.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'ssl' });
      assert(scheduler.frame >= 1000 && scheduler.frame < 1001, `after ${scheduler.frame} ms`);
      assert(ride.wire.freed);
    }
  });

  spec.each(ROLES)('is given up by a %s that closes, resets or unsubscribes meanwhile', (_h, us) => {
    const dial = testDial({ to: { host: 'localhost', port: 7 } });
    const ride = (): PluginDriver => {
      const made = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
      made.wire.connect();
      return made;
    };
    const early = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
    early.app.complete();
    early.wire.connect();
    expect([early.wire.down, early.up]).toStrictEqual([[], []]);
    const closed = ride();
    closed.app.complete();
    expect(closed.wire.flow).toBe('complete');
    closed.wire.complete();
    expect(closed.state).toBe('complete');
    const reset = ride();
    const reason = new Error('enough');
    reset.app.error(reason);
    expect([reset.wire.flow, reset.wire.error, reset.state, reset.error]).toStrictEqual(['error', reason, 'error', reason]);
    const left = ride();
    left.unsubscribe();
    expect([left.wire.flow, left.wire.freed]).toStrictEqual(['unsubscribed', true]);
  });
});

describe.each(VERSIONS)('verify, %s', (version) => {
  const asked = (us: Role, verify: TlsOptions['verify']): SessionOptions => ({ version, [us]: { verify } });

  it.each(ROLES)('%s: is asked about the peer, and accepts (D4)', async (us) => {
    const answers: Record<string, () => boolean | ObservableInput<boolean>> = {
      'a boolean': () => true,
      'a promise': async () => true,
      'an Observable': () => timer(5).pipe(map(() => true)),
      'an Observable that never ends': () => concat(of(true), NEVER),
    };
    for (const answer of Object.values(answers)) {
      await invariants(async (h) => {
        const peers: TlsPeer[] = [];
        const verify = (peer: TlsPeer): boolean | ObservableInput<boolean> => {
          peers.push(peer);
          return answer();
        };
        const session = new Session(h, {
          version,
          client: { ...certificates.client, ...(us === 'client' ? { verify } : {}) },
          server: { ca, requestCert: true, ALPNProtocols: ['x'], ...(us === 'server' ? { verify } : {}) },
        });
        session[us].write('early');
        await Promise.all(ROLES.map((role) => session[role].waitFor('connected')));
        await h.until(() => session[otherOf(us)].text === 'early');
        const [peer] = peers;
        expect([peers.length, peer?.authorized, peer?.protocol, peer?.servername]).toStrictEqual([1, true, version, 'localhost']);
        expect(peer?.certificate?.subject.CN).toBe(us === 'client' ? 'localhost' : 'a client');
        expect(peer?.x509?.fingerprint256).toBe(peer?.certificate?.fingerprint256);
        expect(detailsOf(session[us]).x509).toBe(peer?.x509);
      })();
    }
  });

  it.each(ROLES)('%s: refuses with ETLSCERT, and the peer is told close_notify (D4)', async (us) => {
    const why = new Error('not you');
    const refusals: Record<string, () => boolean | ObservableInput<boolean>> = {
      false: () => false,
      'a promise of false': async () => false,
      'a value that is no boolean': () => 'yes' as unknown as boolean,
      'no value': () => EMPTY,
      'a throw': () => {
        throw why;
      },
      'a rejection': () => Promise.reject(why),
      'an error': () => throwError(() => why),
    };
    for (const [name, verify] of Object.entries(refusals)) {
      await invariants(async (h) => {
        const session = new Session(h, asked(us, verify));
        const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
        ours.write('a secret');
        await Promise.all([ours.up.ended, theirs.up.ended]);
        h.error(ours.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us, fatal: true });
        if (['a throw', 'a rejection', 'an error'].includes(name)) expect((ours.up.error as Error).cause).toBe(why);
        expect(ours.summary, name).toBe('error');
        assert(endsWithAlert(tap.written, version), `${name}: the last record is an alert`);
        expect(theirs.text, name).toBe('');
        assert(theirs.up.values.every((signal) => !('truncated' in signal)));
      })();
    }
  });

  spec.each(ROLES)('%s: its refusal is told also when the wire fails on the goodbye', async (h, us) => {
    let refused = false;
    const broken = new Error('write EPIPE');
    const fails: Plugin = (wire) => (dial) => (flow$) =>
      flow$.pipe(
        tap(() => {
          if (refused) throw broken;
        }),
        wire(dial),
      );
    const session = new Session(h, { ...asked(us, () => !(refused = true)), below: { [us]: fails } });
    await Promise.all([session.client.up.ended, session.server.up.ended]);
    h.error(session[us].up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us });
  });

  spec.each(ROLES)('%s: is not asked about a peer that Node refuses, and cannot accept it', async (h, us) => {
    let calls = 0;
    const verify = (): boolean => {
      calls += 1;
      return true;
    };
    const session = new Session(h, {
      version,
      client: { ...certificates.selfSigned, ...(us === 'client' ? { verify } : {}) },
      server: us === 'server' ? { ca, requestCert: true, verify } : certificates.expired,
    });
    await Promise.all(ROLES.map((role) => session[role].up.ended));
    h.error(session[us].up.error, { code: 'ETLSCERT', phase: 'handshake', layer: us });
    expect(calls).toBe(0);
  });

  spec.each(ROLES)('%s: that never answers is ETOHANDSHAKE, and is unsubscribed (D4)', async (h, us) => {
    let left = 0;
    const verify = (): Observable<boolean> => NEVER.pipe(finalize(() => (left += 1)));
    const session = new Session(h, { ...asked(us, verify), dial: { timeouts: { ...dialOf().timeouts, handshake: 200 } } });
    await session[us].up.ended;
    h.error(session[us].up.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: us });
    expect([session[us].summary, left]).toStrictEqual(['error', 1]);
  });

  spec.each(ROLES)('%s: pauses the wire below while it is waited for, and loses nothing', async (h, us) => {
    const answer = new Subject<boolean>();
    const session = new Session(
      h,
      asked(us, () => answer),
    );
    const [ours, theirs] = [session[us], session[otherOf(us)]];
    await theirs.waitFor('connected');
    await h.until(() => answer.observed);
    theirs.write(LONG);
    theirs.end();
    await theirs.waitFor('pause');
    expect(ours.summary).toStrictEqual('');
    answer.next(true);
    await ours.waitFor('end');
    expect(ours.summary).toMatch(/^connected data end/);
    h.sameBytes(ours.bytes, LONG);
    assert(ours.up.values.every((signal) => !('truncated' in signal)));
  });

  spec.each(ROLES)('%s: is let go when the application leaves or the wire fails meanwhile', (h, us) => {
    let waiting = 0;
    const verify = (): Observable<boolean> =>
      new Observable(() => {
        waiting += 1;
        return () => (waiting -= 1);
      });
    return (async () => {
      for (const leave of ['close', 'reset', 'unsubscribe', 'the other end'] as const) {
        const session = new Session(h, asked(us, verify));
        await h.until(() => waiting === 1);
        if (leave === 'close') session[us].close();
        else if (leave === 'reset') session[us].reset(new Error('enough'));
        else if (leave === 'unsubscribe') session[us].up.unsubscribe();
        else session[otherOf(us)].reset(new Error('gone'));
        await h.until(() => waiting === 0, leave);
      }
    })();
  });
});

describe.each(VERSIONS)('truncation, %s', (version) => {
  it.each(ROLES)("%s: 'error' is ETLSTRUNCATED after all that came before (D10)", async (us) => {
    for (const cut of [1, 7, Infinity]) {
      await invariants(async (h) => {
        const held = new Held();
        const session = await Session.connected(h, { version, [us]: { truncation: 'error' }, below: { [us]: held.plugin } });
        await held.calm();
        held.hold();
        session[otherOf(us)].write('all of it');
        await held.calm();
        held.release(cut);
        await session[us].up.ended;
        h.error(session[us].up.error, { code: 'ETLSTRUNCATED', phase: 'read', layer: us, fatal: true });
        expect(session[us].text).toBe('all of it');
        expect(session[us].summary).toBe('connected data error');
        expect(detailsOf(session[us]).truncated).toBe(true);
      })();
    }
  });

  spec.each(ROLES)("%s: 'error' lets a clean end be (D9)", async (h, us) => {
    const session = await Session.connected(h, { version, [us]: { truncation: 'error' } });
    session[otherOf(us)].write('all');
    session[otherOf(us)].close();
    await session[us].waitFor('end');
    session[us].close();
    await Promise.all(ROLES.map((role) => session[role].up.ended));
    expect([session[us].up.state, session[us].text]).toStrictEqual(['complete', 'all']);
  });
});

describe.each(VERSIONS)('sizes, %s (A7)', (version) => {
  spec.each(ROLES)('%s: 16,384 and 16,385 bytes and 64 MiB in one write, and records of one byte', async (h, us) => {
    const session = await Session.connected(h, { version });
    const [ours, theirs] = [session[us], session[otherOf(us)]];
    const given = [Buffer.alloc(16_384, 'a'), Buffer.alloc(16_385, 'b'), Buffer.alloc(64 * MiB, 'c')];
    for (const bytes of given) ours.write(bytes);
    for (let at = 0; at < 200; at += 1) {
      ours.write(Uint8Array.of(at));
      given.push(Buffer.of(at));
      await turn();
    }
    await h.until(() => ours.sent === ours.written && theirs.received === ours.written);
    h.sameBytes(theirs.bytes, given);
  });
});

describe('layers with TLS', () => {
  const knock = handshake({
    *talk(link) {
      link.send('KNOCK\n');
      return { answer: Buffer.from(yield* link.readUntil('\n', 64)).toString() };
    },
  });
  const open = handshake({
    *talk(link) {
      yield* link.readUntil('\n', 64);
      link.send('COME\n');
    },
  });
  const client = tlsClient({ ca });
  const serve = tlsServer(server);
  const stacks: Record<string, readonly [Readonly<Record<string, Plugin>>, Readonly<Record<string, Plugin>>]> = {
    'TLS in TLS': [
      { inner: client, outer: client },
      { inner: serve, outer: serve },
    ],
    'TLS in TLS in TLS': [
      { inner: client, middle: client, outer: client },
      { inner: serve, middle: serve, outer: serve },
    ],
    'a handshake in TLS': [
      { knock, outer: client },
      { open, outer: serve },
    ],
    'TLS in a handshake in TLS': [
      { inner: client, knock, outer: client },
      { inner: serve, open, outer: serve },
    ],
  };
  describe.each(Object.keys(stacks))('%s', (name) => {
    const [ours, theirs] = stacks[name] as readonly [Record<string, Plugin>, Record<string, Plugin>];
    spec.each(CONNECTIONS)('carries bytes both ways, half-closes and ends cleanly on a %s', async (h, carrier) => {
      const { near, far } = await connectedPair(
        h,
        carrier,
        (wire) => stack(ours, wire),
        (wire) => stack(theirs, wire),
      );
      expect(Object.keys(ours).map((_, at) => detailsOf(near, at).layer)).toStrictEqual(Object.keys(ours));
      near.write(LONG);
      near.end();
      await far.waitFor('end');
      h.sameBytes(far.bytes, LONG);
      far.write('answer');
      far.close();
      await Promise.all([near.up.ended, far.up.ended]);
      expect(near.text).toBe('answer');
      expect([near.up.state, far.up.state, near.sent, far.sent]).toStrictEqual(['complete', 'complete', LONG.length, 6]);
      assert([...near.up.values, ...far.up.values].every((signal) => !('truncated' in signal)));
    });
  });
});

describe.each(VERSIONS)('the rules, %s', (maxVersion) => {
  // Full handshakes each time: of a resumed one there is less to cut.
  const us = tlsClient({ ca, servername: 'localhost', maxVersion, session: false });
  const them = tlsServer(server);
  const options = { time: 'real', single: 10, random: 5, timeout: 10_000 } as const;

  it('are kept by tlsClient', async () => {
    (await checkPlugin(us, them, options)).assert();
  });

  it('are kept by tlsServer', async () => {
    (await checkPlugin(them, us, options)).assert();
  });
});
