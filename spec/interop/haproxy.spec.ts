import { expect } from 'vitest';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { ca } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { startEcho } from './backends.ts';
import { expectRoundTrip, Exchange, expectFailure } from './exchange.ts';
import { describePeer, describePeers, started } from './peers.ts';
import { startDante } from './peers/dante.ts';
import { startHaproxy } from './peers/haproxy.ts';

const HOST = '127.0.0.1';

describePeer('haproxy', 'haproxy', () => {
  const echo = started(startEcho);
  const haproxy = started(() => startHaproxy(echo().port));
  const to = (
    port: keyof ReturnType<typeof haproxy>['ports'],
    options: Parameters<typeof tlsClient>[0] = {},
  ): Parameters<typeof expectRoundTrip>[1] => ({
    host: HOST,
    port: haproxy().ports[port],
    plugin: { ssl: tlsClient({ ca, ...options }) },
  });

  spec('carries 1 MiB each way over its TLS, and ends both directions', async (h) => {
    const exchange = await Exchange.open(h, to('tls'));
    await exchange.expectEcho(h);
    await exchange.endBothWays();
  });

  spec.each([
    ['h2', ['http/1.1', 'h2']],
    ['http/1.1', ['http/1.1', 'spdy']],
  ])('agrees by ALPN on %s, which haproxy prefers among %j', async (h, alpnProtocol, ALPNProtocols) => {
    const details = await expectRoundTrip(h, to('tls', { ALPNProtocols }));
    expect(details.ssl?.alpnProtocol).toBe(alpnProtocol);
  });

  spec('fails with ETOHANDSHAKE while maxconn is reached, and connects when another connection has closed', async (h) => {
    const first = await Exchange.open(h, to('one'));
    await expectFailure(h, { ...to('one'), timeouts: { handshake: 200 } }, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'ssl' });
    const waiting = Exchange.open(h, to('one'));
    await first.close();
    await (await (await waiting).expectEcho(h)).close();
  });

  // The reset may arrive before or after our connect, and before or after our first byte.
  spec.each([
    ['reject', 10_000, /^(ETLS|ECONNRESET|EPIPE)$/],
    // If the kernel supports it, haproxy drops the connection without a packet; otherwise it resets it.
    ['drop', 300, /^(ETOHANDSHAKE|ECONNRESET)$/],
  ] as const)('fails without a stream if haproxy does a %s instead of a handshake', async (h, port, handshake, code) => {
    const error = await expectFailure(h, { ...to(port), timeouts: { handshake } }, {});
    expect((error as NodeJS.ErrnoException).code ?? '').toMatch(code);
  });
});

describePeers('haproxy with a backend behind SOCKS4 of dante', ['danted', 'haproxy'], () => {
  const echo = started(startEcho);
  const dante = started(startDante);
  const haproxy = started(() => startHaproxy(echo().port, `socks4 ${HOST}:${dante().ports.socks}`));

  spec('carries 1 MiB each way over its TLS', async (h) => {
    await expectRoundTrip(h, { host: HOST, port: haproxy().ports.tls, plugin: { ssl: tlsClient({ ca }) } });
  });
});
