import { cutPlans, type CutPlan, type RechunkOptions } from '../../rechunk.ts';
import { atEveryByte } from './at-every-byte.ts';
import { atEverySignal } from './at-every-signal.ts';
import { appPauses, pauseAndResumeEarly, peerPauses, sentWhilePeerPauses } from './backpressure.ts';
import { closeAfterWrite, peerEndsFirst } from './end-and-close.ts';
import { exchange } from './exchange.ts';
import { BYTE_BY_BYTE, pluginCase, type PluginCase } from './plugin-case.ts';
import type { PluginFacts } from './plugin-facts.ts';
import { notSubscribed, severalConnections } from './subscriptions.ts';

/** The case that needs no facts. */
export const COLD_CASE: PluginCase = pluginCase('dialled and not subscribed', [1], notSubscribed);

/** Yields the cases for a plugin with these facts, the simplest first. They may run at the same time. */
export function* pluginCases({ handshakeBytes, peerBytes, signals }: PluginFacts, cuts: RechunkOptions): Generator<PluginCase> {
  for (const plan of plansOf(peerBytes, cuts)) yield exchange(plan);
  yield pluginCase('the peer ends first', [4], peerEndsFirst);
  yield pluginCase('the peer ends first', [4], peerEndsFirst, { plan: BYTE_BY_BYTE });
  yield pluginCase('writes 5 bytes and closes', [5], closeAfterWrite);
  yield pluginCase('writes 5 bytes and closes', [5], closeAfterWrite, { plan: BYTE_BY_BYTE });
  yield pluginCase('writes 5 bytes to a peer that reads nothing', [8], sentWhilePeerPauses);
  yield* atEverySignal(signals);
  yield* atEveryByte(peerBytes);
  yield pluginCase('one wire subscribed three times', [1], severalConnections, { plan: BYTE_BY_BYTE });
  yield pluginCase("'pause' before 'connected'", [3], (test) => appPauses(test, 3, handshakeBytes));
  yield pluginCase("'pause' and 'resume' before 'connected'", [3], pauseAndResumeEarly);
  yield pluginCase("'pause' after 'connected'", [7], (test) => appPauses(test, 7, handshakeBytes));
  yield pluginCase('writes to a peer that reads nothing until it is paused', [7, 8], peerPauses);
}

function* plansOf(peerBytes: number, cuts: RechunkOptions): Generator<CutPlan> {
  yield* cutPlans(peerBytes, cuts);
  yield* cutPlans(peerBytes, { ...cuts, single: 1, pairs: 0, random: 1, empty: true });
}
