import { asapScheduler } from 'rxjs';
import { sameBytes, show } from '../../bytes.ts';
import { PROBLEM, timersProblem } from '../problems.ts';
import { BYTE_BY_BYTE, INBOUND, OUTBOUND, pluginCase, spread, WHOLE, type PluginCase } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

const MAX_PLACES = 80;

/**
 * Unsubscribes, closes, resets and ends at each signal of an exchange of 5 bytes.
 *
 * @param signals number of signals above and below the plugin.
 */
export function* atEverySignal(signals: number): Generator<PluginCase> {
  const timeouts = { close: 200 };
  for (const plan of [WHOLE, BYTE_BY_BYTE]) {
    for (const at of spread(signals, MAX_PLACES)) {
      yield pluginCase(`unsubscribes at signal ${at}`, [6], (test) => unsubscribeAt(test, at), { plan });
      yield pluginCase(`closes at signal ${at}`, [5], (test) => closeAt(test, at), { plan, timeouts });
      yield pluginCase(`resets at signal ${at}`, [5], (test) => resetAt(test, at), { plan, timeouts });
      yield pluginCase(`ends at signal ${at}`, [4], (test) => endAt(test, at), { plan, timeouts });
    }
  }
}

/** Transfers 5 bytes in both directions, and calls `action` at a signal. Resolves to whether that signal was reached. */
async function exchangeUntil(test: PluginRun, at: number, action: () => void): Promise<boolean> {
  const { app, far } = test;
  let wasCalled = false;
  test.callAt(at, () => {
    wasCalled = true;
    action();
  });
  far.onSignal = ({ kind }) => {
    if (kind === 'connected') far.write(INBOUND);
    if (kind === 'end') far.end();
  };
  test.open(({ kind }) => kind === 'connected' && test.write(OUTBOUND));
  const isExchanged = (): boolean => app.received >= INBOUND.length && app.sent >= OUTBOUND.length;
  await test.eventually(2, () => wasCalled || app.isClosed || isExchanged(), PROBLEM.notConnected);
  return wasCalled;
}

async function unsubscribeAt(test: PluginRun, at: number): Promise<void> {
  const { app, far, probe, clock } = test;
  let before = 0;
  const wasCalled = await exchangeUntil(test, at, () => {
    app.unsubscribe();
    before = probe.signals;
  });
  if (!wasCalled) return;
  test.check(6, probe.up !== 'open', 'the application unsubscribed, and the wire below is still subscribed');
  test.check(6, clock.pending === 0, timersProblem(clock.pending));
  await test.settle();
  test.check(6, probe.signals === before, `the application unsubscribed, and the plugin sent ${probe.signals - before} signals afterwards`);
  test.check(6, probe.flow !== 'complete', 'the application unsubscribed, and the plugin completed the Flow of the wire below');
  if (probe.subscriptions > 0) await test.eventually(6, () => far.isClosed, PROBLEM.stillConnected);
}

async function closeAt(test: PluginRun, at: number): Promise<void> {
  const { app, probe } = test;
  if (!(await exchangeUntil(test, at, () => app.close()))) return;
  await test.eventually(5, () => app.isClosed, 'Flow completed, and Up did not end');
  test.check(5, probe.up !== 'open', 'Up ended, and the wire below is still subscribed');
}

async function resetAt(test: PluginRun, at: number): Promise<void> {
  const { app, far, probe } = test;
  const reason = new Error('the application resets');
  let before = 0;
  const wasCalled = await exchangeUntil(test, at, () => {
    // The signal at which the application resets may itself be outbound: do not count it.
    before = probe.signals;
    app.reset(reason);
  });
  if (!wasCalled) return;
  test.check(5, probe.signals === before, `Flow errored, and the plugin sent ${probe.signals - before} signals afterwards`);
  await test.eventually(5, () => app.isClosed, 'Flow errored, and Up did not end');
  test.check(5, app.is('error') && app.error === reason, PROBLEM.wrongResetError);
  test.check(5, probe.up !== 'open', 'Flow errored, and the wire below is still subscribed');
  if (probe.subscriptions === 0) return;
  await test.eventually(5, () => far.isClosed, PROBLEM.resetNotReceived);
  test.check(5, far.is('error'), 'Flow errored, and the peer received an end instead of a reset');
}

/** Checks that the bytes before the end reach the peer, then the end, and that the peer's bytes are still emitted. */
async function endAt(test: PluginRun, at: number): Promise<void> {
  const { app, far } = test;
  let [isDue, hasEnded] = [false, false];
  // In a separate tick: from inside `next` it would overtake the current signal. An end before 'connected' is not tested.
  const end = (): void => {
    isDue = true;
    hasEnded = app.isConnected;
    if (hasEnded) app.end();
  };
  if (!(await exchangeUntil(test, at, () => asapScheduler.schedule(end)))) return;
  await test.eventually(2, () => isDue, PROBLEM.notConnected);
  if (!hasEnded) return;
  await test.eventually(4, () => far.hasEnded || far.isClosed, PROBLEM.endNotReceived);
  test.check(
    4,
    sameBytes(far.bytes, OUTBOUND),
    `the application sent ${show(OUTBOUND)} before 'end', and the peer received ${show(far.bytes)}`,
  );
  await test.eventually(4, () => app.hasEnded || app.isClosed, PROBLEM.endNotEmitted);
  test.check(
    4,
    sameBytes(app.bytes, INBOUND),
    `the peer sent ${show(INBOUND)}, and the application, which had sent 'end', received ${show(app.bytes)}`,
  );
}
