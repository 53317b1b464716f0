import { expect } from 'vitest';
import { httpProxy } from '../../src/plugins/proxy/http-proxy.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { freePort } from './daemon.ts';
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

  spec('CONNECT answered by HTTP/1.0: 200, 1 MiB each way', async (h) => {
    const details = await expectRoundTrip(h, { host: HOST, port: echo().port, plugin: plugin() });
    expect(details.proxy?.status).toBe(200);
  });

  spec('a target that speaks first: its bytes come once, behind the reply', async (h) => {
    await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
  });

  spec('407 without credentials: EPROXYAUTH', async (h) => {
    const options = { host: HOST, port: echo().port, plugin: plugin({}) };
    await expectFailure(h, options, { code: 'EPROXYAUTH', status: 407, phase: 'handshake', layer: 'proxy' });
  });

  spec('401, which it says to wrong credentials: EPROXY', async (h) => {
    const wrong = { user: TINYPROXY_USER.user, pass: 'not-the-password' };
    h.secret(wrong.pass, `${wrong.user}:${wrong.pass}`);
    const options = { host: HOST, port: echo().port, plugin: plugin(wrong) };
    await expectFailure(h, options, { code: 'EPROXY', status: 401, phase: 'handshake', layer: 'proxy' });
  });

  spec('403 for a port that it does not allow: EPROXY', async (h) => {
    h.secret(TINYPROXY_USER.pass, `${TINYPROXY_USER.user}:${TINYPROXY_USER.pass}`);
    const options = { host: HOST, port: await freePort(), plugin: plugin() };
    await expectFailure(h, options, { code: 'EPROXY', status: 403, phase: 'handshake', layer: 'proxy' });
  });
});
