import { expect } from 'vitest';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import type { Plugins } from '../../src/wire/stack.ts';
import { ca } from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { startEcho } from './backends.ts';
import { expectRoundTrip, expectFailure } from './exchange.ts';
import { describePeers, started } from './peers.ts';
import { startDante } from './peers/dante.ts';
import { MICROSOCKS_USER, startMicrosocks } from './peers/microsocks.ts';
import { SQUID_USER, startSquid } from './peers/squid.ts';
import { startStunnel } from './peers/stunnel.ts';
import { startTinyproxy, TINYPROXY_USER } from './peers/tinyproxy.ts';

const HOST = '127.0.0.1';
/** Trusts no authority. */
const NO_AUTHORITIES: string[] = [];

describePeers('TLS of stunnel, over CONNECT of squid, over TLS of squid', ['squid', 'stunnel'], () => {
  const echo = started(startEcho);
  const stunnel = started(() => startStunnel({ echo: { connect: `${HOST}:${echo().port}` } }));
  const squid = started(startSquid);
  const options = (inner: string | string[], outer: string | string[]): Parameters<typeof expectRoundTrip>[1] => ({
    host: HOST,
    port: stunnel().ports.echo,
    plugin: {
      ssl: tlsClient({ ca: inner, servername: 'localhost' }),
      proxy: httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER }),
      hop: tlsClient({ ca: outer }),
    },
  });

  spec('carries 1 MiB each way', async (h) => {
    const details = await expectRoundTrip(h, options(ca, ca));
    expect([details.ssl?.authorized, details.proxy?.status, details.hop?.authorized]).toStrictEqual([true, 200, true]);
  });

  spec.each([
    ['ssl', NO_AUTHORITIES, ca],
    ['hop', ca, NO_AUTHORITIES],
  ] as const)('names the layer `%s`, whose certificate is not trusted', async (h, layer, inner, outer) => {
    await expectFailure(h, options(inner, outer), { code: 'ETLSCERT', phase: 'handshake', layer });
  });
});

describePeers('TLS of stunnel, over SOCKS5 of microsocks, over CONNECT of tinyproxy', ['microsocks', 'stunnel', 'tinyproxy'], () => {
  const echo = started(startEcho);
  const stunnel = started(() => startStunnel({ echo: { connect: `${HOST}:${echo().port}` } }));
  const microsocks = started(startMicrosocks);
  const tinyproxy = started(() => startTinyproxy([microsocks().ports.socks]));

  spec('carries 1 MiB each way', async (h) => {
    const ssl = tlsClient({ ca });
    const socks = socks5({ host: HOST, port: microsocks().ports.socks, ...MICROSOCKS_USER });
    const proxy = httpProxy({ host: HOST, port: tinyproxy().ports.proxy, ...TINYPROXY_USER });
    const details = await expectRoundTrip(h, { host: HOST, port: stunnel().ports.echo, plugin: { ssl, socks, proxy } });
    expect([details.ssl?.authorized, details.proxy?.status]).toStrictEqual([true, 200]);
  });
});

describePeers('SOCKS5 of microsocks, over SOCKS4 of dante', ['danted', 'microsocks'], () => {
  const echo = started(startEcho);
  const microsocks = started(startMicrosocks);
  const dante = started(startDante);
  const far = (): ReturnType<typeof socks5> => socks5({ host: HOST, port: microsocks().ports.socks, ...MICROSOCKS_USER });
  const near = (): ReturnType<typeof socks4> => socks4({ host: HOST, port: dante().ports.socks });

  spec('carries 1 MiB each way', async (h) => {
    await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: { far: far(), near: near() } });
  });

  const failing = (h: Harness, plugin: Plugins, expected: Parameters<typeof expectFailure>[2]): Promise<Error> =>
    expectFailure(h, { host: HOST, port: echo().port, timeouts: { handshake: 5000 }, plugin }, expected);

  spec('names the near layer if its proxy cannot reach the far one', async (h) => {
    await failing(h, { far: socks5({ host: HOST, port: 9 }), near: near() }, { code: 'EPROXY', status: 91, layer: 'near' });
  });

  spec('names the far layer if its proxy rejects the user', async (h) => {
    const withoutUser = socks5({ host: HOST, port: microsocks().ports.socks });
    await failing(h, { far: withoutUser, near: near() }, { code: 'EPROXYAUTH', layer: 'far' });
  });
});

describePeers('SOCKS5 of dante, over CONNECT of squid, over SOCKS5 of microsocks', ['danted', 'microsocks', 'squid'], () => {
  const echo = started(startEcho);
  const dante = started(startDante);
  const squid = started(startSquid);
  const microsocks = started(startMicrosocks);

  spec('carries 1 MiB each way', async (h) => {
    const a = socks5({ host: HOST, port: dante().ports.socks });
    const b = httpProxy({ host: HOST, port: squid().ports.plain, ...SQUID_USER });
    const c = socks5({ host: HOST, port: microsocks().ports.socks, ...MICROSOCKS_USER });
    await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: { a, b, c } });
  });
});
