import {} from 'vitest';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { deadPort } from '../support/loopback.ts';
import { expectRoundTrip, expectFailure, expectGreeting } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { MICROSOCKS_USER, startMicrosocks } from './peers/microsocks.ts';

const HOST = '127.0.0.1';
/** A name that no resolver looks up: its label is longer than 63 characters. */
const INVALID_NAME = `${'a'.repeat(64)}.test`;

describePeer('microsocks', 'microsocks', () => {
  const echo = started(startEcho);
  const greeter = started(startGreeter);
  const microsocks = started(startMicrosocks);
  const plugin = (credentials: { user?: string; pass?: string } = MICROSOCKS_USER): { socks: ReturnType<typeof socks5> } => ({
    socks: socks5({ host: HOST, port: microsocks().ports.socks, ...credentials }),
  });

  spec.each([HOST, 'localhost'])('connects to %s by SOCKS5 with user and password, and carries 1 MiB each way', async (h, host) => {
    await expectRoundTrip(h, { host, port: echo().port, plugin: plugin() });
  });

  spec('emits the first bytes of a target that speaks first once, after the reply of the proxy', async (h) => {
    await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
  });

  const wrong = { user: MICROSOCKS_USER.user, pass: 'not-the-password' };
  spec.each([
    ['without credentials (no acceptable method, 0xFF)', {}],
    ['with a wrong password', wrong],
  ])('fails with EPROXYAUTH %s', async (h, _, credentials) => {
    h.secret(wrong.pass);
    const options = { host: HOST, port: echo().port, plugin: plugin(credentials) };
    await expectFailure(h, options, { code: 'EPROXYAUTH', phase: 'handshake', layer: 'socks' });
  });

  spec.each([
    ['a port without a listener', 5, HOST, deadPort],
    ['a name that does not exist', 1, INVALID_NAME, (): number => echo().port],
  ] as const)('fails with EPROXY for %s (%i)', async (h, ...[, status, host, port]) => {
    h.secret(MICROSOCKS_USER.pass);
    const options = { host, port: await port(), plugin: plugin() };
    await expectFailure(h, options, { code: 'EPROXY', status, phase: 'handshake', layer: 'socks' });
  });

  spec('fails with EPROTOCOL by SOCKS4, which microsocks answers by SOCKS5', async (h) => {
    const socks = socks4({ host: HOST, port: microsocks().ports.socks });
    const options = { host: HOST, port: echo().port, plugin: { socks } };
    await expectFailure(h, options, { code: 'EPROTOCOL', phase: 'handshake', layer: 'socks' });
  });
});
