import { expect } from 'vitest';
import type { HttpProxyOptions } from '../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { ca } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { deadPort } from '../support/loopback.ts';
import { expectRoundTrip, expectFailure, expectGreeting } from './exchange.ts';
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

  spec('connects by CONNECT with Basic authorization, and carries 1 MiB each way', async (h) => {
    const details = await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: plain() });
    expect(details.proxy?.status).toBe(200);
  });

  spec('connects to a name that the proxy resolves', async (h) => {
    await expectRoundTrip(h, { host: 'localhost', port: echo().port, plugin: plain() });
  });

  spec('connects over TLS to the proxy, and carries 1 MiB each way', async (h) => {
    const proxy = httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER });
    const details = await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: { proxy, ssl: tlsClient({ ca }) } });
    expect([details.proxy?.status, details.ssl?.authorized]).toStrictEqual([200, true]);
  });

  spec('emits the first bytes of a target that speaks first once, after the reply of the proxy', async (h) => {
    await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plain() });
  });

  const wrong = { user: SQUID_USER.user, pass: 'not-the-password' };
  spec.each([
    ['without credentials', {}],
    ['with a wrong password', wrong],
  ])('fails with EPROXYAUTH %s (407)', async (h, _, credentials) => {
    h.secret(wrong.pass, `${wrong.user}:${wrong.pass}`);
    const options = { host: HOST, port: echo().port, plugin: plain(credentials) };
    await expectFailure(h, options, { code: 'EPROXYAUTH', status: 407, phase: 'handshake', layer: 'proxy' });
  });

  spec('answers a 407 with the result of `auth`', async (h) => {
    const answer = `Basic ${Buffer.from(`${SQUID_USER.user}:${SQUID_USER.pass}`).toString('base64')}`;
    const schemes: string[] = [];
    const auth: HttpProxyOptions['auth'] = ({ challenges }) => {
      schemes.push(...challenges.map(({ scheme }) => scheme.toLowerCase()));
      return answer;
    };
    await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: plain({ auth }) });
    expect(schemes).toStrictEqual(['basic']);
  });

  spec.each([
    ['a port that the proxy forbids', 403, (): number => FORBIDDEN],
    ['a port without a listener', 503, deadPort],
  ] as const)('fails with EPROXY for %s (%i)', async (h, _, status, port) => {
    h.secret(SQUID_USER.pass, `${SQUID_USER.user}:${SQUID_USER.pass}`);
    const options = { host: HOST, port: await port(), plugin: plain() };
    await expectFailure(h, options, { code: 'EPROXY', status, phase: 'handshake', layer: 'proxy' });
  });

  spec('fails with ETLSCERT, before it sends credentials, if the certificate of the proxy is not trusted', async (h) => {
    const proxy = httpProxy({ host: 'localhost', port: squid().ports.tls, ...SQUID_USER });
    const plugin = { proxy, ssl: tlsClient() };
    await expectFailure(h, { host: HOST, port: echo().port, plugin }, { code: 'ETLSCERT', phase: 'handshake', layer: 'ssl' });
  });
});
