import { PROBLEM } from '../problems.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

export async function peerEndsFirst(test: WireRun): Promise<void> {
  const { app } = test;
  const peer = await test.connect();
  peer.end();
  await test.eventually(4, () => app.hasEnded, PROBLEM.endNotEmitted);
  await test.settle(5);
  test.check(4, app.is('open'), PROBLEM.peerEndClosedBoth);
  app.write(FIVE_BYTES);
  await test.peerReceives(4, FIVE_BYTES, peer);
  app.end();
  await test.eventually(4, () => peer.ended(), PROBLEM.endNotReceived);
  await test.eventually(5, () => app.is('complete'), PROBLEM.notCompleted);
}
