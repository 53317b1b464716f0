import { INBOUND, OUTBOUND, WHOLE } from './plugin-case.ts';
import { PluginRun } from './plugin-run.ts';
import type { PluginSetup } from './plugin-setup.ts';
import { reportViolation } from '../rule-violation.ts';

/** Counts of a plain connection through the plugin. */
export interface PluginFacts {
  /** Bytes that the peer sends before the plugin is connected. */
  readonly handshakeBytes: number;
  /** The same bytes, and the first 5 after them. */
  readonly peerBytes: number;
  /** Number of signals above and below the plugin. */
  readonly signals: number;
}

/** Makes a plain connection to count the bytes and signals to cut at. Returns undefined if it does not connect. */
export async function factsOf(setup: PluginSetup): Promise<PluginFacts | undefined> {
  const test = new PluginRun(setup, { input: 'nothing', plan: WHOLE });
  const { far, rechunker } = test;
  let facts: PluginFacts | undefined;
  let handshakeBytes = 0;
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  try {
    await reportViolation(
      async () => {
        test.open(({ kind }) => {
          if (kind !== 'connected') return;
          handshakeBytes = Math.max(0, rechunker.passed - INBOUND.length);
          test.write(OUTBOUND);
        });
        await test.connected();
        await test.settle();
        facts = { handshakeBytes, peerBytes: rechunker.passed, signals: test.signals };
      },
      (rule, problem) => test.report(rule, problem),
    );
  } finally {
    test.finish();
  }
  return facts;
}
