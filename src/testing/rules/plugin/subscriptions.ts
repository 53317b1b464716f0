import { sameBytes, show } from '../../bytes.ts';
import { Endpoint } from '../endpoint.ts';
import { PROBLEM } from '../problems.ts';
import { INBOUND, OUTBOUND } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';
import type { Connection } from './shared-operator.ts';

export async function notSubscribed(test: PluginRun): Promise<void> {
  test.dialOnly();
  await test.settle();
  test.check(1, test.probe.subscriptions === 0, 'the plugin was not subscribed, and it subscribed the wire below');
  test.check(1, test.clock.scheduled === 0, 'the plugin was not subscribed, and it scheduled an action');
}

/** Interleaves two connections byte by byte, then makes a third one. */
export async function severalConnections(test: PluginRun): Promise<void> {
  const plugin = test.dialShared();
  const [first, second] = [plugin.connect(), plugin.connect()];
  for (const { app, far } of [first, second])
    await test.eventually(1, () => (app.isConnected && far.isConnected) || app.isClosed, PROBLEM.notConnected);
  for (let at = 0; at < OUTBOUND.length; at += 1) {
    const [a, b] = [OUTBOUND.subarray(at, at + 1), INBOUND.subarray(at, at + 1)];
    first.app.write(a);
    second.app.write(b);
    first.far.write(b);
    second.far.write(a);
    await test.turn();
  }
  await bothReceive(test, first, OUTBOUND, INBOUND, 'first');
  await bothReceive(test, second, INBOUND, OUTBOUND, 'second');
  for (const { app } of [first, second]) app.unsubscribe();
  const [app, far] = [new Endpoint(), new Endpoint()];
  app.onSignal = ({ kind }) => kind === 'connected' && app.write(OUTBOUND);
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  await bothReceive(test, plugin.connect({ app, far }), OUTBOUND, INBOUND, 'third');
}

async function bothReceive(
  test: PluginRun,
  { app, far }: Connection,
  outbound: Uint8Array,
  inbound: Uint8Array,
  which: string,
): Promise<void> {
  const isReceived = (): boolean => app.received >= inbound.length && far.received >= outbound.length;
  await test.eventually(1, () => isReceived() || app.isClosed, `the ${which} connection stalled`);
  test.check(
    1,
    sameBytes(app.bytes, inbound),
    `the peer of the ${which} connection sent ${show(inbound)}, and its application received ${show(app.bytes)}`,
  );
  test.check(
    1,
    sameBytes(far.bytes, outbound),
    `the application of the ${which} connection sent ${show(outbound)}, and its peer received ${show(far.bytes)}`,
  );
}
