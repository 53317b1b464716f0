import { VirtualTimeScheduler } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import { served } from '../../support/loopback.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { spec } from '../../support/spec.ts';
import { detailsOf, otherOf, type Role, ROLES, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

const { ca, server } = certificates;

describe('a failed TLS handshake', () => {
  /** Returns the errors of both ends. Neither was connected. */
  async function failed(h: Harness, options: TlsPairOptions): Promise<Record<Role, unknown>> {
    const ends = new TlsPair(h, options);
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    expect(ends.client.summary).toBe('error');
    return { client: ends.client.up.error, server: ends.server.up.error };
  }

  const refusals: Record<string, readonly [TlsPairOptions, string]> = {
    'has expired': [{ server: certificates.expired }, 'CERT_HAS_EXPIRED'],
    'is not valid yet': [{ server: certificates.future }, 'CERT_NOT_YET_VALID'],
    'is signed by itself': [{ server: certificates.selfSigned }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    'has an unknown issuer': [{ client: { ca: certificates.selfSigned.cert } }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    'is for another host': [{ server: certificates.other }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'is for another address': [{ dial: { to: { host: '127.0.0.2', port: 7 } } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  };

  spec.each(Object.keys(refusals))('errors with ETLSCERT if the certificate %s', async (h, why) => {
    const [options, code] = refusals[why]!;
    const { client } = await failed(h, options);
    h.error(client, { code: 'ETLSCERT', phase: 'handshake', layer: 'client', fatal: true });
    expect(((client as Error).cause as NodeJS.ErrnoException).code).toBe(code);
  });

  spec('errors with SELF_SIGNED_CERT_IN_CHAIN for an untrusted root', async (h) => {
    const chain = `${server.cert}${ca}`;
    const ends = new TlsPair(h, { client: { ca: certificates.selfSigned.cert }, server: { cert: chain } });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends.client.up.error, { code: 'ETLSCERT' });
    expect(((ends.client.up.error as Error).cause as NodeJS.ErrnoException).code).toBe('SELF_SIGNED_CERT_IN_CHAIN');
  });

  spec('reports the problem of the certificate in the details, with rejectUnauthorized: false', async (h) => {
    const { client } = await TlsPair.connected(h, {
      client: { rejectUnauthorized: false },
      server: certificates.expired,
    });
    expect([detailsOf(client).authorized, detailsOf(client).authorizationError]).toStrictEqual([false, 'CERT_HAS_EXPIRED']);
  });

  spec('checks and requests the name of the target, not that of a proxy', async (h) => {
    const dials = { host: 'proxy.test', port: 1080 };
    const through: Plugin = (wire) => (dial) => wire({ ...dial, to: dials });
    const good = await TlsPair.connected(h, { below: { client: through } });
    expect(detailsOf(good.server).servername).toBe('localhost');
    const named = await TlsPair.connected(h, { client: { servername: 'other.test' }, server: certificates.other });
    expect(detailsOf(named.server).servername).toBe('other.test');
  });

  it('throws a TypeError at the dial if there is no name to check', () => {
    const client = tlsClient({ ca });
    expect(() => client(tcp())(testDial())).toThrow(TypeError);
    expect(() => client(tcp())(testDial({ to: { path: '/run/socket' } }))).toThrow(TypeError);
    client(tcp())(testDial({ to: { host: 'localhost', port: 7 } }));
    tlsClient({ servername: 'localhost' })(tcp())(testDial());
    tlsClient({ rejectUnauthorized: false })(tcp())(testDial());
  });

  it('throws a TypeError at the call if a certificate cannot be used', () => {
    expect(() => tlsServer({ ...server, cert: 'not a certificate' })).toThrow(TypeError);
    expect(() => tlsClient({ minVersion: 'TLSv9' as 'TLSv1.3' })).toThrow(TypeError);
  });

  spec('errors with ETLS at both ends if the versions do not overlap', async (h) => {
    const { client, server } = await failed(h, { version: 'TLSv1.2', server: { minVersion: 'TLSv1.3' } });
    h.error(client, { code: 'ETLS', phase: 'handshake', layer: 'client' });
    h.error(server, { code: 'ETLS', phase: 'handshake', layer: 'server' });
    expect(String((client as Error).cause)).toMatch(/alert protocol version/);
  });

  spec('errors with ETLS if the peer does not speak TLS, also if it ends at once', async (h) => {
    for (const words of ['GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-OpenSSH_9.2\r\n']) {
      const place = await served(h, (socket) => socket.end(words));
      const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
      await client.up.ended;
      h.error(client.up.error, { code: 'ETLS', phase: 'handshake' });
      expect(String((client.up.error as Error).cause)).toMatch(/wrong version number|packet length|http request/);
    }
  });

  spec.each(ROLES)("reports OpenSSL's error to the %s although the wire ends or fails in the same tick", (h, us) => {
    for (const after of ['end', 'failure']) {
      const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
      const driver = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 }, layer: 'ssl' }) });
      driver.wire.connect();
      driver.wire.emit({ kind: 'data', bytes: Buffer.from('220 mail.test ready\r\n') });
      if (after === 'end') driver.wire.emit({ kind: 'end' });
      else driver.wire.fail(new Error('read ECONNRESET'));
      h.error(driver.error, { code: 'ETLS', phase: 'handshake', layer: 'ssl' });
      expect(((driver.error as Error).cause as NodeJS.ErrnoException).code).toBe('ERR_SSL_WRONG_VERSION_NUMBER');
    }
  });

  spec.each(ROLES)('errors the %s with ETLS if the peer ends during the handshake, at any byte', async (h, us) => {
    const whole = await TlsPair.connected(h, { version: 'TLSv1.2' });
    const flight = whole.taps[otherOf(us)].written;
    for (const length of [0, 1, 5, 100, flight.length - 1]) {
      const plugin = us === 'client' ? tlsClient({ ca, maxVersion: 'TLSv1.2' }) : tlsServer(server);
      const driver = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
      driver.wire.connect();
      if (length > 0) driver.wire.emit({ kind: 'data', bytes: flight.subarray(0, Math.min(length, 100)) });
      driver.wire.emit({ kind: 'end' });
      h.error(driver.error, { code: 'ETLS', phase: 'handshake' });
      assert(driver.wire.freed);
    }
  });

  spec.each(ROLES)('errors the %s with ETLS if the peer sends close_notify during the handshake', (h, us) => {
    const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
    const driver = new PluginDriver(plugin, { dial: testDial({ to: { host: 'localhost', port: 7 } }) });
    driver.wire.connect();
    driver.wire.emit({ kind: 'data', bytes: Uint8Array.of(21, 3, 3, 0, 2, 1, 0) });
    h.error(driver.error, { code: 'ETLS', phase: 'handshake' });
  });

  spec('reports the error of the wire below if it fails during the handshake', async (h) => {
    const place = await served(h, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const client = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to: { host: '127.0.0.1', port: 0, ...place } });
    await client.up.ended;
    h.error(client.up.error, { code: 'ECONNRESET', phase: 'handshake' });
    expect(client.summary).toBe('resolved error');
  });

  spec.each(ROLES)('errors the %s with ETOHANDSHAKE if the peer is silent, on the scheduler of the dial', (h, us) => {
    for (const [handshake, deadline] of [
      [1000, 5000],
      [5000, 1000],
    ] as const) {
      const scheduler = new VirtualTimeScheduler();
      const to = { host: 'localhost', port: 7 };
      const plugin = us === 'client' ? tlsClient({ ca }) : tlsServer(server);
      const driver = new PluginDriver(plugin, { dial: testDial({ to, scheduler, timeouts: { handshake }, deadline, layer: 'ssl' }) });
      scheduler.flush();
      expect(driver.state, 'the time runs from when the wire below is connected').toBe('open');
      driver.wire.connect();
      scheduler.flush();
      h.error(driver.error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'ssl' });
      assert(scheduler.frame >= 1000 && scheduler.frame < 1001, `after ${scheduler.frame} ms`);
      assert(driver.wire.freed);
    }
  });

  spec.each(ROLES)('aborts the handshake if the %s closes, resets or unsubscribes', (_h, us) => {
    const dial = testDial({ to: { host: 'localhost', port: 7 } });
    const connecting = (): PluginDriver => {
      const driver = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
      driver.wire.connect();
      return driver;
    };
    const early = new PluginDriver(us === 'client' ? tlsClient({ ca }) : tlsServer(server), { dial });
    early.app.complete();
    early.wire.connect();
    expect([early.wire.down, early.up]).toStrictEqual([[], []]);
    const closed = connecting();
    closed.app.complete();
    expect(closed.wire.flow).toBe('complete');
    closed.wire.complete();
    expect(closed.state).toBe('complete');
    const reset = connecting();
    const reason = new Error('enough');
    reset.app.error(reason);
    expect([reset.wire.flow, reset.wire.error, reset.state, reset.error]).toStrictEqual(['error', reason, 'error', reason]);
    const left = connecting();
    left.unsubscribe();
    expect([left.wire.flow, left.wire.freed]).toStrictEqual(['unsubscribed', true]);
  });
});

describe('options of both peers that do not match', () => {
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

  spec.each(Object.keys(mismatches))('error with ETLS at both ends, and the client names the alert: %s', async (h, what) => {
    const [client, service, alert] = mismatches[what]!;
    const ends = new TlsPair(h, { client: { maxVersion: 'TLSv1.3', ...client }, server: service });
    await Promise.all([ends.client.up.ended, ends.server.up.ended]);
    h.error(ends.client.up.error, { code: 'ETLS', phase: 'handshake', layer: 'client' });
    h.error(ends.server.up.error, { code: 'ETLS', phase: 'handshake', layer: 'server' });
    expect((ends.client.up.error as Error).message).toMatch(new RegExp(`SSL alert number ${alert}\\b`));
    expect([ends.client.summary, ends.server.summary]).toStrictEqual(['error', 'error']);
  });
});
