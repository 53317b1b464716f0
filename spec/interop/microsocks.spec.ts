import {} from 'vitest';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { freePort } from './daemon.ts';
import { expectRoundTrip, expectFailure, expectGreeting } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { MICROSOCKS_USER, startMicrosocks } from './peers/microsocks.ts';

const HOST = '127.0.0.1';
/** A name that no resolver asks anybody for: a label may have 63 characters. */
const IMPOSSIBLE = `${'a'.repeat(64)}.test`;

describePeer('microsocks', 'microsocks', () => {
  const echo = started(startEcho);
  const greeter = started(startGreeter);
  const microsocks = started(startMicrosocks);
  const plugin = (credentials: { user?: string; pass?: string } = MICROSOCKS_USER): { socks: ReturnType<typeof socks5> } => ({
    socks: socks5({ host: HOST, port: microsocks().ports.socks, ...credentials }),
  });

  spec('SOCKS5 with user and password, to an address and to a name: 1 MiB each way', async (h) => {
    for (const host of [HOST, 'localhost']) await expectRoundTrip(h, { host, port: echo().port, plugin: plugin() });
  });

  spec('a target that speaks first: its bytes come once, behind the reply', async (h) => {
    await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
  });

  spec('no acceptable method without credentials (0xFF), and a wrong password: EPROXYAUTH', async (h) => {
    const wrong = { user: MICROSOCKS_USER.user, pass: 'not-the-password' };
    h.secret(wrong.pass);
    for (const credentials of [{}, wrong]) {
      const options = { host: HOST, port: echo().port, plugin: plugin(credentials) };
      await expectFailure(h, options, { code: 'EPROXYAUTH', phase: 'handshake', layer: 'socks' });
    }
  });

  spec('codes: 5 for a port that nobody listens on, 1 for a name that cannot be', async (h) => {
    h.secret(MICROSOCKS_USER.pass);
    const refused = await freePort();
    for (const [status, host, port] of [
      [5, HOST, refused],
      [1, IMPOSSIBLE, echo().port],
    ] as const)
      await expectFailure(h, { host, port, plugin: plugin() }, { code: 'EPROXY', status, phase: 'handshake', layer: 'socks' });
  });

  spec('SOCKS4, which it does not speak: its reply is one of SOCKS5, EPROTOCOL', async (h) => {
    const socks = socks4({ host: HOST, port: microsocks().ports.socks });
    const options = { host: HOST, port: echo().port, plugin: { socks } };
    await expectFailure(h, options, { code: 'EPROTOCOL', phase: 'handshake', layer: 'socks' });
  });
});
