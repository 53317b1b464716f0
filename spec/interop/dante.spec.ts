import { describe } from 'vitest';
import { socks4 } from '../../src/plugins/proxy/socks4.ts';
import { socks5 } from '../../src/plugins/proxy/socks5.ts';
import { spec } from '../support/spec.ts';
import { startEcho, startGreeter } from './backends.ts';
import { deadPort } from '../support/loopback.ts';
import { expectRoundTrip, Exchange, expectFailure, expectGreeting } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { startDante } from './peers/dante.ts';

const HOST = '127.0.0.1';
const BLOCKED = 9;
/** A name that no resolver looks up: its label is longer than 63 characters. */
const INVALID_NAME = `${'a'.repeat(64)}.test`;

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
    ['SOCKS4 with a user id', () => four('an id')],
    ['SOCKS5', () => five()],
  ])('%s', (_, plugin) => {
    spec('connects to an address, carries 1 MiB each way, and ends both directions', async (h) => {
      const exchange = await Exchange.open(h, { host: HOST, port: echo().port, plugin: plugin() });
      await exchange.expectEcho(h);
      await exchange.endBothWays();
    });

    spec('emits the first bytes of a target that speaks first once, after the reply of the proxy', async (h) => {
      await expectGreeting(h, { host: HOST, port: greeter().port, plugin: plugin() });
    });
  });

  spec('connects by SOCKS5 to a name that the proxy resolves', async (h) => {
    await expectRoundTrip(h, { host: 'localhost', port: echo().port, plugin: five() });
  });

  spec.each([
    ['SOCKS5', 'a blocked port', 2, five, HOST, (): number => BLOCKED],
    ['SOCKS5', 'a name that does not exist', 4, five, INVALID_NAME, (): number => echo().port],
    ['SOCKS5', 'a port without a listener', 5, five, HOST, deadPort],
    ['SOCKS4', 'a blocked port', 91, four, HOST, (): number => BLOCKED],
    ['SOCKS4', 'a port without a listener', 91, four, HOST, deadPort],
    ['SOCKS4a, which dante does not support,', 'a name', 91, four, 'localhost', (): number => echo().port],
  ] as const)('fails by %s for %s with EPROXY (%i)', async (h, ...[, , status, plugin, host, port]) => {
    const options = { host, port: await port(), plugin: plugin() };
    await expectFailure(h, options, { code: 'EPROXY', status, phase: 'handshake', layer: 'socks' });
  });
});
