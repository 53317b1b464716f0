import type { Up } from '../../../wire/signal.ts';
import { pattern } from '../../bytes.ts';
import { StackGrowth } from '../stack-growth.ts';
import { exchangeAndEnd } from './exchange.ts';
import { BYTE_BY_BYTE, pluginCase, WHOLE, type PluginCase } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

const BURST = 10_000;

/** The cases about signals from inside `next`. They measure the stack, and therefore run alone. */
export function* synchronousSignals(): Generator<PluginCase> {
  const onSyncWire = 'on a wire that answers from inside next';
  for (const plan of [WHOLE, BYTE_BY_BYTE]) {
    yield pluginCase(onSyncWire, [11], (test) => exchangeAndEnd(test, plan, 11), { plan, sync: true });
  }
  const input = '10,000 chunks in one tick, in both directions';
  yield pluginCase(input, [11], burst);
  yield pluginCase(`${input}, ${onSyncWire}`, [11], burst, { sync: true });
}

async function burst(test: PluginRun): Promise<void> {
  const { app, far } = test;
  const bytes = pattern(BURST);
  const growth = new StackGrowth();
  far.onSignal = ({ kind }) => {
    growth.sample(`peer ${kind}`);
    if (kind === 'connected') for (const byte of bytes) far.write(Uint8Array.of(byte));
  };
  test.open(({ kind }: Up) => {
    growth.sample(kind);
    if (kind === 'connected') for (const byte of bytes) app.write(Uint8Array.of(byte));
  });
  await test.connected(11);
  await test.appReceives(11, bytes);
  await test.farReceives(11, bytes);
  const problem = growth.problem('10,000 chunks');
  test.check(11, problem === undefined, problem);
}
