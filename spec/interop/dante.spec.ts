import { describe } from 'vitest';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { freePort } from './daemon.ts';
import { expectRoundTrip, Exchange, expectFailure, expectGreeting } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { startDante } from './peers/dante.ts';

const HOST = '127.0.0.1';
const BLOCKED = 9;
/** A name that no resolver asks anybody for: a label may have 63 characters. */
const IMPOSSIBLE = `${'a'.repeat(64)}.test`;

describePeer('dante', 'danted', () => {
  const echo = started(startEcho);
  const greeter = started(startGreeter);
  const dante = started(startDante);
  const four = (userId?: string): { socks: ReturnType<typeof socks4> } => ({
    socks: socks4({ host: HOST, port: dante().ports.socks, ...(userId === undefined ? {} : { userId }) }),
  });
  const five = (): { socks: ReturnType<typeof socks5> } => ({ socks: socks5({ host: HOST, port: dante().ports.socks }) });

  describe.each([
    ['SOCKS4', () => four()],
    ['SOCKS4 with a user id', () => four('somebody')],
    ['SOCKS5', () => five()],
  ])('%s', (_, plugin) => {
    spec('to an address: 1 MiB each way, then the end of both directions', async (h) => {
      const exchange = await Exchange.open(h, { host: HOST, port: echo().port, plugin: plugin() });
      await exchange.expectEcho(h);
      await exchange.endBothWays();
    });

    spec('a target that speaks first: its bytes come once, behind the reply', async (h) => {
      await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
    });
  });

  spec('SOCKS5 to a name that the proxy resolves: 1 MiB each way', async (h) => {
    await expectRoundTrip(h, { host: 'localhost', port: echo().port, plugin: five() });
  });

  spec('SOCKS5 codes: 2 for a blocked port, 4 for a name that cannot be, 5 for a port that nobody listens on', async (h) => {
    const refused = await freePort();
    for (const [status, host, port] of [
      [2, HOST, BLOCKED],
      [4, IMPOSSIBLE, echo().port],
      [5, HOST, refused],
    ] as const)
      await expectFailure(h, { host, port, plugin: five() }, { code: 'EPROXY', status, phase: 'handshake', layer: 'socks' });
  });

  spec('SOCKS4: 91 for a blocked port and for one that nobody listens on', async (h) => {
    for (const port of [BLOCKED, await freePort()])
      await expectFailure(h, { host: HOST, port, plugin: four() }, { code: 'EPROXY', status: 91, phase: 'handshake', layer: 'socks' });
  });

  spec('SOCKS4a, which it does not know: 91 for any name', async (h) => {
    const options = { host: 'localhost', port: echo().port, plugin: four() };
    await expectFailure(h, options, { code: 'EPROXY', status: 91, phase: 'handshake', layer: 'socks' });
  });
});
