import { expect } from 'vitest';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { ca } from '../support/certificates.ts';
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
/** An authority that signed none of the certificates here. */
const NOBODY: string[] = [];

describePeers('TLS of stunnel, over CONNECT of squid, over TLS of squid', ['squid', 'stunnel'], () => {
  const echo = started(startEcho);
  const stunnel = started(() => startStunnel({ echo: { connect: `${HOST}:${echo().port}` } }));
  const squid = started(startSquid);
  const options = (inner: typeof ca | string[], outer: typeof ca | string[]): Parameters<typeof expectRoundTrip>[1] => ({
    host: HOST,
    port: stunnel().ports.echo,
    plugin: {
      ssl: tlsClient({ ca: inner, servername: 'localhost' }),
      proxy: httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER }),
      hop: tlsClient({ ca: outer }),
    },
  });

  spec('1 MiB each way', async (h) => {
    const details = await expectRoundTrip(h, options(ca, ca));
    expect([details.ssl?.authorized, details.proxy?.status, details.hop?.authorized]).toStrictEqual([true, 200, true]);
  });

  spec('a certificate that is not trusted is told of the layer that met it', async (h) => {
    await expectFailure(h, options(NOBODY, ca), { code: 'ETLSCERT', phase: 'handshake', layer: 'ssl' });
    await expectFailure(h, options(ca, NOBODY), { code: 'ETLSCERT', phase: 'handshake', layer: 'hop' });
  });
});

describePeers('TLS of stunnel, over SOCKS5 of microsocks, over CONNECT of tinyproxy', ['microsocks', 'stunnel', 'tinyproxy'], () => {
  const echo = started(startEcho);
  const stunnel = started(() => startStunnel({ echo: { connect: `${HOST}:${echo().port}` } }));
  const microsocks = started(startMicrosocks);
  const tinyproxy = started(() => startTinyproxy([microsocks().ports.socks]));

  spec('1 MiB each way', async (h) => {
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

  spec('1 MiB each way', async (h) => {
    await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: { far: far(), near: near() } });
  });

  spec('a hop that refuses is named', async (h) => {
    const options = { host: HOST, port: echo().port, timeouts: { handshake: 5000 } };
    const lost = socks5({ host: HOST, port: 9 });
    await expectFailure(h, { ...options, plugin: { lost, near: near() } }, { code: 'EPROXY', status: 91, layer: 'near' });
    const stranger = socks5({ host: HOST, port: microsocks().ports.socks });
    await expectFailure(h, { ...options, plugin: { stranger, near: near() } }, { code: 'EPROXYAUTH', layer: 'stranger' });
  });
});

describePeers('SOCKS5 of dante, over CONNECT of squid, over SOCKS5 of microsocks', ['danted', 'microsocks', 'squid'], () => {
  const echo = started(startEcho);
  const dante = started(startDante);
  const squid = started(startSquid);
  const microsocks = started(startMicrosocks);

  spec('1 MiB each way', async (h) => {
    const a = socks5({ host: HOST, port: dante().ports.socks });
    const b = httpProxy({ host: HOST, port: squid().ports.plain, ...SQUID_USER });
    const c = socks5({ host: HOST, port: microsocks().ports.socks, ...MICROSOCKS_USER });
    await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: { a, b, c } });
  });
});
