import assert from 'node:assert/strict';
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
import { describe, it } from 'vitest';
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
import { dialOf, type WireDriver } from '../../support/carry.ts';
import * as certificates from '../../support/certificates.ts';
import { invariants, type Harness } from '../../support/harness.ts';
import { pair, served } from '../../support/loopback.ts';
import { PluginDriver } from '../../support/scripted-wire.ts';
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
import { CARRIERS, Counted, connectedPair } from '../../support/two-ends.ts';

const { ca, server } = certificates;
const KiB = 1024;
const MiB = 1024 * KiB;
const LONG = Buffer.alloc(2 * MiB, 'long');

function detailsOf({ up }: WireDriver, at = 0): LayerDetails {
  for (const signal of up.values) if (signal.kind === 'connected') return signal.details[at] ?? {};
  return {};
}

describe.each(VERSIONS)('tlsClient and tlsServer, %s', (version) => {
  it(
    'are connected when the handshake is through, and say what was agreed',
    invariants(async (h) => {
      const { client, server } = await Session.connected(h, {
        version,
        client: { ALPNProtocols: ['h2', 'x'] },
        server: { ALPNProtocols: ['x'] },
      });
      const common = { protocol: version, alpnProtocol: 'x', servername: 'localhost', reused: false };
      const { cipher, x509, ...details } = detailsOf(client);
      assert.match(String(cipher), /AES|CHACHA20/);
      assert.deepEqual(details, { ...common, authorized: true, layer: 'client' });
      assert.equal((x509 as X509Certificate).checkHost('localhost'), 'localhost');
      assert.deepEqual(detailsOf(server), { ...common, cipher, authorized: false, x509: undefined, layer: 'server' });
      assert.deepEqual(detailsOf(client, 1), { wire: 'memory' });
    }),
  );

  it(
    'dial a server of Node',
    invariants(async (h) => {
      const to = await nodeTlsServer(h, { maxVersion: version }, (socket) => socket.pipe(socket));
      const client = new Counted(h, tlsClient({ ca })(tcp()), { ...dialOf(), to });
      await client.saw('connected');
      assert.equal(detailsOf(client).protocol, version);
      assert.equal(detailsOf(client).servername, undefined, 'an address is no server name');
      client.write(LONG);
      client.end();
      await client.up.ended;
      h.sameBytes(client.bytes, LONG);
      assert.equal(client.sent, LONG.length);
      assert.match(client.story, / end( sent)? complete$/);
      assert.ok(client.up.values.every((signal) => !('truncated' in signal)));
    }),
  );

  it(
    'serve a client of Node over an accepted socket',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const us = new Counted(h, tlsServer(server)(fromFh(near)));
      const node = connect({ socket: far, ca, servername: 'localhost', maxVersion: version });
      await Promise.all([us.saw('connected'), once(node, 'secureConnect')]);
      assert.equal(detailsOf(us).servername, 'localhost');
      const answer: Buffer[] = [];
      node.on('data', (chunk: Buffer) => answer.push(chunk)).end('question');
      await us.saw('end');
      assert.equal(us.text, 'question');
      us.write('ans');
      us.write('wer');
      us.end();
      await Promise.all([once(node, 'end'), us.up.ended]);
      h.sameBytes(answer, 'answer');
      assert.equal(us.up.state, 'complete');
    }),
  );

  it(
    'get what came with the last message of the handshake, whole',
    invariants(async (h) => {
      // Who hears the last message: the other one may speak at once.
      const us: Role = version === 'TLSv1.2' ? 'client' : 'server';
      const seen: Partial<Record<Up['kind'], number>> = {};
      const session: Session = new Session(h, {
        version,
        below: { [us]: inOnePiece },
        seen: { [us]: ({ kind }: Up) => (seen[kind] ??= session.taps[us].up.filter((signal) => signal.kind === 'data').length) },
      });
      const greeting = Buffer.alloc(40_000, 'hi');
      await session[otherOf(us)].saw('connected');
      session[otherOf(us)].write(greeting);
      await h.until(() => session[us].received >= greeting.length);
      h.sameBytes(session[us].bytes, greeting);
      assert.equal(seen.data, seen.connected, 'both came in one chunk of ciphertext');
    }),
  );

  it.each(ROLES)('%s: a pause that came before connected goes down when the handshake is through', (us) =>
    invariants(async (h) => {
      const session = new Session(h, { version });
      session[us].pause();
      await Promise.all([session.client.saw('connected'), session.server.saw('connected')]);
      assert.deepEqual(
        session.taps[us].down.filter(({ kind }) => kind !== 'data'),
        [{ kind: 'pause' }],
      );
      session[otherOf(us)].write(LONG);
      await session[otherOf(us)].saw('pause');
      assert.ok(session[us].received <= 512 * KiB);
      session[us].resume();
      await h.until(() => session[us].received === LONG.length);
    })(),
  );

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
          assert.deepEqual(told, clean ? { kind: 'end' } : { kind: 'end', truncated: true }, `${cut} bytes at a time`);
          h.sameBytes(session[us].bytes, last);
          assert.equal(detailsOf(session[us]).truncated, clean ? undefined : true);
        })();
      }
    }
  });

  it(
    'tell a bare FIN on a real socket, and go on in the other direction',
    invariants(async (h) => {
      let heard = '';
      const to = await nodeTlsServer(h, { maxVersion: version }, (socket, below) => {
        socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
        socket.write('cut', () => below.end());
      });
      const client = new Counted(h, stack({ ssl: tlsClient({ ca }) }, tcp()), { ...dialOf(), to });
      await client.saw('end');
      assert.deepEqual(client.up.values.at(-1), { kind: 'end', truncated: true });
      assert.equal(client.text, 'cut');
      client.write('still here');
      await h.until(() => heard === 'still here');
      client.end();
      assert.equal((await client.up.ended).state, 'complete');
    }),
  );

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
        await session[us].saw('end');
      },
      'while the wire below is paused': async (session) => {
        session[otherOf(us)].pause();
        session[us].write(LONG);
        await session[us].saw('pause');
      },
    };
    for (const [state, enter] of Object.entries(states)) {
      await invariants(async (h) => {
        const session = await Session.connected(h, { version });
        const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
        await enter(session);
        ours.close();
        await h.until(() => tap.flow === 'complete', `${state}: the wire below is completed`);
        assert.ok(endsWithAlert(tap.written, version), `${state}: the last record is an alert`);
        theirs.resume();
        await theirs.saw('end');
        assert.ok(
          theirs.up.values.every((signal) => !('truncated' in signal)),
          state,
        );
        assert.equal(theirs.received, ours.given, state);
        theirs.close();
        await Promise.all([ours.up.ended, theirs.up.ended]);
        assert.deepEqual([ours.up.state, theirs.up.state, ours.sent], ['complete', 'complete', ours.given], state);
      })();
    }
  });

  it.each(ROLES)('%s: closing from inside connected says close_notify too (D11)', (us) =>
    invariants(async (h) => {
      const session: Session = new Session(h, { version, seen: { [us]: ({ kind }: Up) => kind === 'connected' && session[us].close() } });
      await session[otherOf(us)].saw('end');
      assert.deepEqual(session[otherOf(us)].up.values.at(-1), { kind: 'end' });
      assert.ok(endsWithAlert(session.taps[us].written, version));
      session[otherOf(us)].close();
      await Promise.all([session.client.up.ended, session.server.up.ended]);
      assert.equal(session[us].up.state, 'complete');
    })(),
  );

  it.each(ROLES)('%s: what waits below when it closes is not lost by a bad record of the peer (D11)', (us) =>
    invariants(async (h) => {
      const below = new Held();
      const session = await Session.connected(h, { version, below: { [us]: below.plugin } });
      const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
      theirs.pause();
      ours.write(LONG);
      await ours.saw('pause');
      ours.close();
      await h.until(() => tap.flow === 'complete', 'the wire below is completed');
      below.give({ kind: 'data', bytes: Buffer.from('this is no record at all') });
      assert.equal(ours.up.state, 'open');
      theirs.resume();
      await theirs.saw('end');
      theirs.close();
      await Promise.all([ours.up.ended, theirs.up.ended]);
      assert.equal(theirs.received, LONG.length);
      h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
    })(),
  );

  it.each(ROLES)('%s: what it can encrypt no more is an error, told when the wire below is done (D11)', (us) =>
    invariants(async (h) => {
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
      assert.deepEqual([tap.flow, ours.up.state], ['complete', 'open']);
      theirs.resume();
      await theirs.saw('end');
      theirs.close();
      await Promise.all([ours.up.ended, theirs.up.ended]);
      h.error(ours.up.error, { code: 'ETLS', phase: 'close', layer: us });
      assert.match(theirs.text, /^the first words/);
      assert.ok(theirs.received < ours.given);
    })(),
  );

  it.each(ROLES)('%s: end is close_notify and closes nothing below', (us) =>
    invariants(async (h) => {
      const session = await Session.connected(h, { version });
      const [ours, theirs, tap] = [session[us], session[otherOf(us)], session.taps[us]];
      ours.write('question');
      ours.end();
      await theirs.saw('end');
      assert.ok(tap.flow === 'open' && tap.down.every(({ kind }) => kind === 'data'));
      assert.ok(endsWithAlert(tap.written, version));
      theirs.write('answer');
      await h.until(() => ours.text === 'answer');
      theirs.end();
      await Promise.all([ours.up.ended, theirs.up.ended]);
      assert.deepEqual([ours.up.state, theirs.up.state], ['complete', 'complete']);
    })(),
  );

  it.each(ROLES)('%s: a record that is not genuine is ETLS, and the other end is told why', (us) =>
    invariants(async (h) => {
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
      assert.match(String((ours.up.error as Error).cause), /bad record mac|cipher operation failed/i);
      h.error(theirs.up.error, { code: 'ETLS', phase: 'read', layer: otherOf(us) });
      assert.match(String((theirs.up.error as Error).cause), /alert bad record mac/i);
      assert.equal(ours.text, 'genuine');
    })(),
  );

  it.each(ROLES)('%s: sent follows the ciphertext: exact, and without the handshake and close_notify', (us) =>
    invariants(async (h) => {
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
      assert.equal(ours.sent, 0, 'the handshake is kept out');
      holding = true;
      const before = session.taps[us].written.length;
      ours.write('x'.repeat(100_000));
      await gate.calm();
      const made = session.taps[us].written.length - before;
      assert.equal(kept, made, 'the wire below has sent it all');
      assert.equal(ours.sent, 0);
      gate.give({ kind: 'sent', bytes: made - 1 });
      assert.equal(ours.sent, 0, 'one byte of ciphertext is missing');
      gate.give({ kind: 'sent', bytes: 1 });
      assert.equal(ours.sent, 100_000);
      ours.end();
      holding = false;
      await gate.calm();
      assert.equal(ours.sent, 100_000, 'close_notify is kept out');
    })(),
  );

  it.each(ROLES)('%s: 10 MB in one write leave little in between', (us) =>
    invariants(async (h) => {
      const session = await Session.connected(h, { version });
      const [ours, theirs] = [session[us], session[otherOf(us)]];
      const bytes = Buffer.alloc(10_000_000, '0123456789');
      ours.write(bytes);
      assert.equal(ours.isPaused, true);
      await h.until(() => ours.sent === bytes.length, 'all of it is sent');
      await h.until(() => theirs.received === bytes.length, 'all of it comes');
      h.sameBytes(theirs.bytes, bytes);
      const { mostInFlight } = session.taps[us];
      assert.ok(mostInFlight < 512 * KiB, `${mostInFlight} bytes of ciphertext waited in the wire below`);
      assert.equal(ours.isPaused, false);
    })(),
  );
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
    assert.equal(session.client.story, 'error');
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
  it.each(Object.keys(refusals))('is ETLSCERT when the certificate %s (D1, D2, D3)', (why) =>
    invariants(async (h) => {
      const [options, code] = refusals[why]!;
      const { client } = await failed(h, options);
      h.error(client, { code: 'ETLSCERT', phase: 'handshake', layer: 'client', fatal: true });
      assert.equal(((client as Error).cause as NodeJS.ErrnoException).code, code);
    })(),
  );

  it(
    'may be let through, and says so',
    invariants(async (h) => {
      const { client } = await Session.connected(h, {
        client: { rejectUnauthorized: false },
        server: certificates.expired,
      });
      assert.deepEqual([detailsOf(client).authorized, detailsOf(client).authorizationError], [false, 'CERT_HAS_EXPIRED']);
    }),
  );

  it(
    'checks the name of the target, not that of a proxy, and tells the server the same',
    invariants(async (h) => {
      const dials = { host: 'proxy.test', port: 1080 };
      const through: Plugin = (wire) => (dial) => wire({ ...dial, to: dials });
      const good = await Session.connected(h, { below: { client: through } });
      assert.equal(detailsOf(good.server).servername, 'localhost');
      const named = await Session.connected(h, { client: { servername: 'other.test' }, server: certificates.other });
      assert.equal(detailsOf(named.server).servername, 'other.test');
    }),
  );

  it('is a TypeError at the dial when there is no name to check', () => {
    const client = tlsClient({ ca });
    assert.throws(() => client(tcp())(testDial()), TypeError);
    assert.throws(() => client(tcp())(testDial({ to: { path: '/run/socket' } })), TypeError);
    client(tcp())(testDial({ to: { host: 'localhost', port: 7 } }));
    tlsClient({ servername: 'localhost' })(tcp())(testDial());
    tlsClient({ rejectUnauthorized: false })(tcp())(testDial());
  });

  it('is a TypeError at the call when a certificate cannot be used', () => {
    assert.throws(() => tlsServer({ ...server, cert: 'not a certificate' }), TypeError);
    assert.throws(() => tlsClient({ minVersion: 'TLSv9' as 'TLSv1.3' }), TypeError);
  });

  describe('when the server asks for a certificate', () => {
    it.each(VERSIONS)('%s: accepts a good one', (version) =>
      invariants(async (h) => {
        const { server } = await Session.connected(h, { version, client: certificates.client, server: { requestCert: true, ca } });
        assert.equal(detailsOf(server).authorized, true);
      })(),
    );

    it.each(VERSIONS)('%s: refuses none and a bad one', async (version) => {
      for (const client of [{}, certificates.selfSigned]) {
        await invariants(async (h) => {
          const session = new Session(h, { version, client, server: { requestCert: true, ca } });
          await Promise.all([session.client.up.ended, session.server.up.ended]);
          assert.equal(session.server.story, 'error');
          h.error(session.server.up.error, { code: 'ETLSCERT', phase: 'handshake', layer: 'server' });
          assert.equal(session.client.up.state, 'error');
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
          assert.equal(detailsOf(server).authorized, false);
          assert.equal(typeof detailsOf(server).authorizationError, 'string');
        })();
      }
    });
  });

  it(
    'is ETLS when the versions do not meet',
    invariants(async (h) => {
      const { client, server } = await failed(h, { version: 'TLSv1.2', server: { minVersion: 'TLSv1.3' } });
      h.error(client, { code: 'ETLS', phase: 'handshake', layer: 'client' });
      h.error(server, { code: 'ETLS', phase: 'handshake', layer: 'server' });
      assert.match(String((client as Error).cause), /alert protocol version/);
    }),
  );

  it(
    'is ETLS when the peer speaks no TLS, also if it ends at once',
    invariants(async (h) => {
      for (const words of ['GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-OpenSSH_9.2\r\n']) {
        const place = await served(h, (socket) => socket.end(words));
        const client = new Counted(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
        await client.up.ended;
        h.error(client.up.error, { code: 'ETLS', phase: 'handshake' });
        assert.match(String((client.up.error as Error).cause), /wrong version number|packet length|http request/);
      }
    }),
  );

  it.each(ROLES)("is OpenSSL's error for a %s although the wire ends or fails in the same tick", (us) =>
    invariants((h) => {
      for (const after of ['end', 'failure']) {
        const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
        const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 }, layer: 'ssl' }) });
        ride.wire.connect();
        ride.wire.give({ kind: 'data', bytes: Buffer.from('220 mail.test ready\r\n') });
        if (after === 'end') ride.wire.give({ kind: 'end' });
        else ride.wire.fail(new Error('read ECONNRESET'));
        h.error(ride.error, { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
        assert.equal(((ride.error as Error).cause as NodeJS.ErrnoException).code, 'ERR_SSL_WRONG_VERSION_NUMBER');
      }
    })(),
  );

  it.each(ROLES)('is ETLS for a %s whose peer ends within it, at any byte (D7)', (us) =>
    invariants(async (h) => {
      const whole = await Session.connected(h, { version: 'TLSv1.2' });
      const flight = whole.taps[otherOf(us)].written;
      for (const length of [0, 1, 5, 100, flight.length - 1]) {
        const plugin = us === 'client' ? tlsClient({ ca, maxVersion: 'TLSv1.2' }) : tlsServer(server);
        const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
        ride.wire.connect();
        if (length > 0) ride.wire.give({ kind: 'data', bytes: flight.subarray(0, Math.min(length, 100)) });
        ride.wire.give({ kind: 'end' });
        h.error(ride.error, { code: 'ETLS', phase: 'handshake' });
        assert.ok(ride.wire.freed);
      }
    })(),
  );

  it.each(ROLES)('is ETLS for a %s whose peer says close_notify within it', (us) =>
    invariants((h) => {
      const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
      const ride = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
      ride.wire.connect();
      ride.wire.give({ kind: 'data', bytes: Uint8Array.of(21, 3, 3, 0, 2, 1, 0) });
      h.error(ride.error, { code: 'ETLS', phase: 'handshake' });
    })(),
  );

  it(
    'is the error of the wire when that fails (D7)',
    invariants(async (h) => {
      const place = await served(h, (socket) => socket.once('data', () => socket.resetAndDestroy()));
      const client = new Counted(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
      await client.up.ended;
      h.error(client.up.error, { code: 'ECONNRESET', phase: 'handshake' });
      assert.equal(client.story, 'resolved error');
    }),
  );

  it.each(ROLES)('is ETOHANDSHAKE for a %s whose peer is silent, on the scheduler of the dial (D8)', (us) =>
    invariants((h) => {
      for (const [handshake, deadline] of [
        [1000, 5000],
        [5000, 1000],
      ] as const) {
        const scheduler = new VirtualTimeScheduler();
        const to = { host: 'localhost', port: 7 };
        const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
        const ride = new PluginDriver(plugin, { dial: testDial({ to, scheduler, timeouts: { handshake }, deadline, layer: 'ssl' }) });
        scheduler.flush();
        assert.equal(ride.state, 'open', 'the time runs from when the wire below is connected');
        ride.wire.connect();
        scheduler.flush();
        h.error(ride.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'ssl' });
        assert.ok(scheduler.frame >= 1000 && scheduler.frame < 1001, `after ${scheduler.frame} ms`);
        assert.ok(ride.wire.freed);
      }
    })(),
  );

  it.each(ROLES)('is given up by a %s that closes, resets or unsubscribes meanwhile', (us) =>
    invariants(() => {
      const dial = testDial({ to: { host: 'localhost', port: 7 } });
      const ride = (): PluginDriver => {
        const made = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
        made.wire.connect();
        return made;
      };
      const early = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
      early.app.complete();
      early.wire.connect();
      assert.deepEqual([early.wire.down, early.up], [[], []]);
      const closed = ride();
      closed.app.complete();
      assert.equal(closed.wire.flow, 'complete');
      closed.wire.complete();
      assert.equal(closed.state, 'complete');
      const reset = ride();
      const reason = new Error('enough');
      reset.app.error(reason);
      assert.deepEqual([reset.wire.flow, reset.wire.error, reset.state, reset.error], ['error', reason, 'error', reason]);
      const left = ride();
      left.unsubscribe();
      assert.deepEqual([left.wire.flow, left.wire.freed], ['unsubscribed', true]);
    })(),
  );
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
        await Promise.all(ROLES.map((role) => session[role].saw('connected')));
        await h.until(() => session[otherOf(us)].text === 'early');
        const [peer] = peers;
        assert.deepEqual([peers.length, peer?.authorized, peer?.protocol, peer?.servername], [1, true, version, 'localhost']);
        assert.equal(peer?.certificate?.subject.CN, us === 'client' ? 'localhost' : 'a client');
        assert.equal(peer.x509?.fingerprint256, peer.certificate.fingerprint256);
        assert.equal(detailsOf(session[us]).x509, peer.x509);
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
        if (['a throw', 'a rejection', 'an error'].includes(name)) assert.equal((ours.up.error as Error).cause, why);
        assert.equal(ours.story, 'error', name);
        assert.ok(endsWithAlert(tap.written, version), `${name}: the last record is an alert`);
        assert.equal(theirs.text, '', name);
        assert.ok(theirs.up.values.every((signal) => !('truncated' in signal)));
      })();
    }
  });

  it.each(ROLES)('%s: its refusal is told also when the wire fails on the goodbye', (us) =>
    invariants(async (h) => {
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
    })(),
  );

  it.each(ROLES)('%s: is not asked about a peer that Node refuses, and cannot accept it', (us) =>
    invariants(async (h) => {
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
      assert.equal(calls, 0);
    })(),
  );

  it.each(ROLES)('%s: that never answers is ETOHANDSHAKE, and is unsubscribed (D4)', (us) =>
    invariants(async (h) => {
      let left = 0;
      const verify = (): Observable<boolean> => NEVER.pipe(finalize(() => (left += 1)));
      const session = new Session(h, { ...asked(us, verify), dial: { timeouts: { ...dialOf().timeouts, handshake: 200 } } });
      await session[us].up.ended;
      h.error(session[us].up.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: us });
      assert.deepEqual([session[us].story, left], ['error', 1]);
    })(),
  );

  it.each(ROLES)('%s: pauses the wire below while it is waited for, and loses nothing', (us) =>
    invariants(async (h) => {
      const answer = new Subject<boolean>();
      const session = new Session(
        h,
        asked(us, () => answer),
      );
      const [ours, theirs] = [session[us], session[otherOf(us)]];
      await theirs.saw('connected');
      await h.until(() => answer.observed);
      theirs.write(LONG);
      theirs.end();
      await theirs.saw('pause');
      assert.deepEqual(ours.story, '');
      answer.next(true);
      await ours.saw('end');
      assert.match(ours.story, /^connected data end/);
      h.sameBytes(ours.bytes, LONG);
      assert.ok(ours.up.values.every((signal) => !('truncated' in signal)));
    })(),
  );

  it.each(ROLES)('%s: is let go when the application leaves or the wire fails meanwhile', (us) =>
    invariants((h) => {
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
    })(),
  );
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
        assert.equal(session[us].text, 'all of it');
        assert.equal(session[us].story, 'connected data error');
        assert.equal(detailsOf(session[us]).truncated, true);
      })();
    }
  });

  it.each(ROLES)("%s: 'error' lets a clean end be (D9)", (us) =>
    invariants(async (h) => {
      const session = await Session.connected(h, { version, [us]: { truncation: 'error' } });
      session[otherOf(us)].write('all');
      session[otherOf(us)].close();
      await session[us].saw('end');
      session[us].close();
      await Promise.all(ROLES.map((role) => session[role].up.ended));
      assert.deepEqual([session[us].up.state, session[us].text], ['complete', 'all']);
    })(),
  );
});

describe.each(VERSIONS)('sizes, %s (A7)', (version) => {
  it.each(ROLES)('%s: 16,384 and 16,385 bytes and 64 MiB in one write, and records of one byte', (us) =>
    invariants(async (h) => {
      const session = await Session.connected(h, { version });
      const [ours, theirs] = [session[us], session[otherOf(us)]];
      const given = [Buffer.alloc(16_384, 'a'), Buffer.alloc(16_385, 'b'), Buffer.alloc(64 * MiB, 'c')];
      for (const bytes of given) ours.write(bytes);
      for (let at = 0; at < 200; at += 1) {
        ours.write(Uint8Array.of(at));
        given.push(Buffer.of(at));
        await turn();
      }
      await h.until(() => ours.sent === ours.given && theirs.received === ours.given);
      h.sameBytes(theirs.bytes, given);
    })(),
  );
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
    it.each(CARRIERS)('carries bytes both ways, half-closes and ends cleanly on a %s', (carrier) =>
      invariants(async (h) => {
        const { near, far } = await connectedPair(
          h,
          carrier,
          (wire) => stack(ours, wire),
          (wire) => stack(theirs, wire),
        );
        assert.deepEqual(
          Object.keys(ours).map((_, at) => detailsOf(near, at).layer),
          Object.keys(ours),
        );
        near.write(LONG);
        near.end();
        await far.saw('end');
        h.sameBytes(far.bytes, LONG);
        far.write('answer');
        far.close();
        await Promise.all([near.up.ended, far.up.ended]);
        assert.equal(near.text, 'answer');
        assert.deepEqual([near.up.state, far.up.state, near.sent, far.sent], ['complete', 'complete', LONG.length, 6]);
        assert.ok([...near.up.values, ...far.up.values].every((signal) => !('truncated' in signal)));
      })(),
    );
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
