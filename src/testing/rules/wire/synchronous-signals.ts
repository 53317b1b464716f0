import { pattern } from '../../bytes.ts';
import { StackGrowth } from '../stack-growth.ts';
import type { WireRun } from './wire-run.ts';

const BURST = 10_000;

export async function answerInsideNext(test: WireRun): Promise<void> {
  const { app } = test;
  const bytes = pattern(1000);
  app.onSignal = (signal) => signal.kind === 'data' && app.write(signal.bytes);
  const peer = await test.connect();
  for (const byte of bytes) peer.write(Uint8Array.of(byte));
  await test.peerReceives(11, bytes, peer);
}

/** 10,000 chunks in one tick, in both directions. */
export async function burst(test: WireRun): Promise<void> {
  const { app } = test;
  const bytes = pattern(BURST);
  const growth = new StackGrowth();
  app.onSignal = ({ kind }) => {
    growth.sample(kind);
    if (kind === 'connected') for (const byte of bytes) app.write(Uint8Array.of(byte));
  };
  const peer = await test.connect();
  for (const byte of bytes) peer.write(Uint8Array.of(byte));
  await test.appReceives(11, bytes);
  await test.peerReceives(11, bytes, peer);
  const problem = growth.problem('10,000 chunks');
  test.check(11, problem === undefined, problem);
}
