import { expect } from 'vitest';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { deadPort } from '../support/loopback.ts';
import { expectRoundTrip, expectFailure, expectGreeting } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { startTinyproxy, TINYPROXY_USER } from './peers/tinyproxy.ts';

const HOST = '127.0.0.1';

describePeer('tinyproxy', 'tinyproxy', () => {
  const echo = started(startEcho);
  const greeter = started(startGreeter);
  const tinyproxy = started(() => startTinyproxy([echo().port, greeter().port]));
  const plugin = (credentials: { user?: string; pass?: string } = TINYPROXY_USER): { proxy: ReturnType<typeof httpProxy> } => ({
    proxy: httpProxy({ host: HOST, port: tinyproxy().ports.proxy, ...credentials }),
  });

  spec('accepts a reply of HTTP/1.0 to CONNECT, and carries 1 MiB each way', async (h) => {
    const details = await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: plugin() });
    expect(details.proxy?.status).toBe(200);
  });

  spec('emits the first bytes of a target that speaks first once, after the reply of the proxy', async (h) => {
    await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
  });

  spec('fails with EPROXYAUTH without credentials (407)', async (h) => {
    const options = { host: HOST, port: echo().port, plugin: plugin({}) };
    await expectFailure(h, options, { code: 'EPROXYAUTH', status: 407, phase: 'handshake', layer: 'proxy' });
  });

  spec('fails with EPROXY with wrong credentials, which tinyproxy rejects by 401 instead of 407', async (h) => {
    const wrong = { user: TINYPROXY_USER.user, pass: 'not-the-password' };
    h.secret(wrong.pass, `${wrong.user}:${wrong.pass}`);
    const options = { host: HOST, port: echo().port, plugin: plugin(wrong) };
    await expectFailure(h, options, { code: 'EPROXY', status: 401, phase: 'handshake', layer: 'proxy' });
  });

  spec('fails with EPROXY for a port that the proxy does not allow (403)', async (h) => {
    h.secret(TINYPROXY_USER.pass, `${TINYPROXY_USER.user}:${TINYPROXY_USER.pass}`);
    const options = { host: HOST, port: await deadPort(), plugin: plugin() };
    await expectFailure(h, options, { code: 'EPROXY', status: 403, phase: 'handshake', layer: 'proxy' });
  });
});
