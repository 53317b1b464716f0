import { expect } from 'vitest';
import type { HttpProxyOptions } from '../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { ca } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { freePort } from './daemon.ts';
import { carries, fails, greets } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { SQUID_USER, startSquid } from './peers/squid.ts';

const HOST = '127.0.0.1';
const FORBIDDEN = 9;

describePeer('squid', 'squid', () => {
  const echo = started(startEcho);
  const greeter = started(startGreeter);
  const squid = started(startSquid);
  const plain = (options: Partial<HttpProxyOptions> = SQUID_USER): { proxy: ReturnType<typeof httpProxy> } => ({
    proxy: httpProxy({ host: HOST, port: squid().ports.plain, ...options }),
  });

  spec('CONNECT with Basic authorization: 200, 1 MiB each way', async (h) => {
    const details = await carries(h, { host: HOST, port: echo().port, plugin: plain() });
    expect(details.proxy?.status).toBe(200);
  });

  spec('CONNECT to a name that the proxy resolves', async (h) => {
    await carries(h, { host: 'localhost', port: echo().port, plugin: plain() });
  });

  spec('CONNECT over TLS to the proxy: 200, 1 MiB each way', async (h) => {
    const proxy = httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER });
    const details = await carries(h, { host: HOST, port: echo().port, plugin: { proxy, ssl: tlsClient({ ca }) } });
    expect([details.proxy?.status, details.ssl?.authorized]).toStrictEqual([200, true]);
  });

  spec('a target that speaks first: its bytes come once, behind the reply', async (h) => {
    await greets(h, { host: HOST, port: greeter().port, plugin: plain() });
  });

  spec('407 without credentials and with wrong ones: EPROXYAUTH', async (h) => {
    const wrong = { user: SQUID_USER.user, pass: 'not-the-password' };
    h.secret(wrong.pass, `${wrong.user}:${wrong.pass}`);
    for (const credentials of [{}, wrong]) {
      const plugin = plain(credentials);
      const options = { host: HOST, port: echo().port, plugin };
      await fails(h, options, { code: 'EPROXYAUTH', status: 407, phase: 'handshake', layer: 'proxy' });
    }
  });

  spec('407, then the answer of `auth`: 200', async (h) => {
    const answer = `Basic ${Buffer.from(`${SQUID_USER.user}:${SQUID_USER.pass}`).toString('base64')}`;
    const schemes: string[] = [];
    const auth: HttpProxyOptions['auth'] = ({ challenges }) => {
      schemes.push(...challenges.map(({ scheme }) => scheme.toLowerCase()));
      return answer;
    };
    await carries(h, { host: HOST, port: echo().port, plugin: plain({ auth }) });
    expect(schemes).toStrictEqual(['basic']);
  });

  spec('403 for a port that it forbids, 503 for one that nobody listens on: EPROXY', async (h) => {
    h.secret(SQUID_USER.pass, `${SQUID_USER.user}:${SQUID_USER.pass}`);
    for (const [port, status] of [
      [FORBIDDEN, 403],
      [await freePort(), 503],
    ] as const)
      await fails(h, { host: HOST, port, plugin: plain() }, { code: 'EPROXY', status, phase: 'handshake', layer: 'proxy' });
  });

  spec('a certificate of the proxy that is not trusted: ETLSCERT, and no credentials leave', async (h) => {
    const proxy = httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER });
    const plugin = { proxy, ssl: tlsClient() };
    await fails(h, { host: HOST, port: echo().port, plugin }, { code: 'ETLSCERT', phase: 'handshake', layer: 'ssl' });
  });
});
