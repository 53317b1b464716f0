import { concatBytes } from '../../../util/concat-bytes.ts';
import { chunksOf, type CutPlan } from '../../rechunk.ts';
import { PROBLEM } from '../problems.ts';
import { INBOUND, OUTBOUND, pluginCase, type PluginCase } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

/** The case of {@link exchangeAndEnd} with one way to cut the bytes. */
export function exchange(plan: CutPlan): PluginCase {
  return pluginCase('writes 5 bytes, ends', [2, 3, 4, 5, 8, 9, 10], (test) => exchangeAndEnd(test, plan), { plan });
}

/**
 * Transfers in both directions at once; the peer's bytes follow its last reply directly. Then the application ends, then the peer.
 *
 * @param only the rule that any problem violates. @default the rule that the problem is about
 */
export async function exchangeAndEnd(test: PluginRun, plan: CutPlan, only?: number): Promise<void> {
  const { app, far, probe, rechunker } = test;
  const rule = (number: number): number => only ?? number;
  let hasHandshake = false as boolean;
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  test.open(({ kind }) => {
    if (kind !== 'connected') return;
    hasHandshake = probe.written > 0 || rechunker.passed > 0;
    test.write(...chunksOf(OUTBOUND, plan));
  });
  await test.connected(rule(2));
  await test.appReceives(rule(hasHandshake ? 9 : 2), INBOUND);
  await test.farReceives(rule(2), OUTBOUND);
  test.check(rule(2), app.details.at(-1)?.wire === 'memory', "the last details of 'connected' are not those of the wire");
  await test.allSent(rule(8), app);
  app.end();
  await test.eventually(rule(4), () => far.hasEnded, PROBLEM.endNotReceived);
  await test.settle();
  test.check(rule(4), app.is('open') && !app.hasEnded, PROBLEM.endClosedBoth);
  far.write(INBOUND);
  await test.appReceives(rule(4), concatBytes([INBOUND, INBOUND]));
  far.end();
  await test.eventually(rule(4), () => app.hasEnded || app.isClosed, PROBLEM.endNotEmitted);
  test.check(rule(4), app.hasEnded, PROBLEM.endNotEmitted);
  await test.eventually(rule(5), () => app.is('complete'), PROBLEM.notCompleted);
}
