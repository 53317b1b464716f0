import { sameBytes, show } from '../../bytes.ts';
import { isStreamError } from '../is-stream-error.ts';
import { INBOUND, pluginCase, spread, type PluginCase } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

const MAX_PLACES = 64;

/** Ends and resets the connection after each byte of the peer. */
export function* atEveryByte(peerBytes: number): Generator<PluginCase> {
  for (const after of spread(peerBytes, MAX_PLACES)) {
    for (const how of ['end', 'reset'] as const) {
      yield pluginCase('reads', [5], (test) => peerStops(test, how, after === peerBytes), { stop: { after, how } });
    }
  }
}

/** @param isWhole whether the peer stops after its last byte. */
async function peerStops(test: PluginRun, how: 'end' | 'reset', isWhole: boolean): Promise<void> {
  const { app, far, rechunker } = test;
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  test.open();
  // The number of the peer's bytes may vary between connections: it may never reach `after`.
  const isUnstopped = (): boolean => !rechunker.isStopped && app.received >= INBOUND.length;
  const event = how === 'end' ? 'the peer ended' : 'the peer was reset';
  const isReported = (): boolean => app.isClosed || (how === 'end' && app.isConnected && app.hasEnded);
  await test.eventually(5, () => isReported() || isUnstopped(), `${event}, and Up did not end`);
  if (!isReported()) return;
  if (app.isClosed) checkEnd(test, how, event);
  await test.settle();
  const { bytes } = app;
  const received = `the peer sent ${show(INBOUND)}, and the application received ${show(bytes)}`;
  test.check(2, sameBytes(bytes, INBOUND.subarray(0, bytes.length)), received);
  // The number of bytes may vary: the peer may have written more than were passed on.
  if (isWhole && rechunker.passed === rechunker.written) test.check(5, bytes.length === INBOUND.length, `${received} before the ${how}`);
}

function checkEnd(test: PluginRun, how: 'end' | 'reset', event: string): void {
  const { app, probe } = test;
  const problem = how === 'end' && !app.isConnected ? `${event} before the plugin was connected` : event;
  test.check(5, app.is('error') || (app.isConnected && how === 'end'), `${problem}, and Up completed without an error`);
  test.check(
    5,
    how === 'end' || isStreamError(app.error),
    `${problem}, and Up errored with ${String(app.error)}, not with an IOStreamError`,
  );
  test.check(5, probe.up !== 'open', 'Up ended, and the wire below is still subscribed');
}
