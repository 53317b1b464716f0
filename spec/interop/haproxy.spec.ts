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

  spec('TLS in front of a backend: 1 MiB each way, then the end of both directions', async (h) => {
    const exchange = await Exchange.open(h, to('tls'));
    await exchange.expectEcho(h);
    await exchange.endBothWays();
  });

  spec('ALPN: the protocol it prefers of those that both speak', async (h) => {
    for (const [ALPNProtocols, alpnProtocol] of [
      [['http/1.1', 'h2'], 'h2'],
      [['http/1.1', 'spdy'], 'http/1.1'],
    ] as const) {
      const details = await expectRoundTrip(h, to('tls', { ALPNProtocols: [...ALPNProtocols] }));
      expect(details.ssl?.alpnProtocol).toBe(alpnProtocol);
    }
  });

  spec('maxconn: the one too many is ETOHANDSHAKE while it waits, and served when another has left', async (h) => {
    const first = await Exchange.open(h, to('one'));
    await expectFailure(h, { ...to('one'), timeouts: { handshake: 200 } }, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'ssl' });
    const waiting = Exchange.open(h, to('one'));
    await first.close();
    await (await (await waiting).expectEcho(h)).close();
  });

  // It resets what it has accepted: before or after our connect is through, before or after our first byte.
  spec.each([
    ['reject', /^(ETLS|ECONNRESET|EPIPE)$/],
    // Where the kernel lets haproxy forget a connection nothing comes at all, else a reset.
    ['drop', /^(ETOHANDSHAKE|ECONNRESET)$/],
  ] as const)('%s instead of a handshake: an error, no stream', async (h, port, code) => {
    const error = await expectFailure(h, { ...to(port), timeouts: { handshake: 300 } }, {});
    expect((error as NodeJS.ErrnoException).code ?? '').toMatch(code);
  });
});

describePeers('haproxy before a backend behind SOCKS4 of dante', ['danted', 'haproxy'], () => {
  const echo = started(startEcho);
  const dante = started(startDante);
  const haproxy = started(() => startHaproxy(echo().port, `socks4 ${HOST}:${dante().ports.socks}`));

  spec('TLS: 1 MiB each way', async (h) => {
    await expectRoundTrip(h, { host: HOST, port: haproxy().ports.tls, plugin: { ssl: tlsClient({ ca }) } });
  });
});
