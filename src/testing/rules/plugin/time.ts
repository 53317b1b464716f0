import { watchGlobalTimers } from '../global-timers.ts';
import { exchangeAndEnd } from './exchange.ts';
import { pluginCase, spread, WHOLE, type PluginCase } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';
import type { PluginRunOptions } from './plugin-setup.ts';

/** `timeouts.handshake` of these cases, in ms. */
const HANDSHAKE_TIMEOUT = 1000;
const DEADLINE = 400;

/**
 * The cases about time, on a virtual clock. They watch the global timers, and therefore run alone.
 *
 * @param handshakeBytes number of bytes that the peer sends before the plugin is connected.
 */
export function* timeCases(handshakeBytes: number): Generator<PluginCase> {
  yield pluginCase('writes 5 bytes, ends', [12], startsNoGlobalTimer);
  const timesOut = (input: string, expected: number, options: Partial<PluginRunOptions>): PluginCase =>
    pluginCase(`${input}, with timeouts.handshake ${HANDSHAKE_TIMEOUT}`, [12], (test) => handshakeTimesOut(test, expected), {
      timeouts: { handshake: HANDSHAKE_TIMEOUT, close: 200 },
      ...options,
    });
  for (const after of spread(handshakeBytes - 1, 16)) {
    yield timesOut('waits for a silent peer', HANDSHAKE_TIMEOUT, { stop: { after, how: 'silence' } });
  }
  if (handshakeBytes === 0) return;
  yield timesOut(`waits for a silent peer until the deadline at ${DEADLINE} ms`, DEADLINE, {
    stop: { after: 0, how: 'silence' },
    deadline: DEADLINE,
  });
  if (handshakeBytes > 3) yield timesOut('waits for a peer that sends a byte every 300 ms', HANDSHAKE_TIMEOUT, { msPerByte: 300 });
}

async function startsNoGlobalTimer(test: PluginRun): Promise<void> {
  const names = new Set<string>();
  const stop = watchGlobalTimers((name) => names.add(name));
  try {
    await exchangeAndEnd(test, WHOLE, 12);
    test.check(12, names.size === 0, `${[...names].join(', ')} was called instead of the scheduler of the dial`);
  } finally {
    stop();
  }
}

/** Checks that the handshake times out on the scheduler of the dial, not earlier and not later. */
async function handshakeTimesOut(test: PluginRun, expected: number): Promise<void> {
  const { app, clock } = test;
  const early = `the handshake ended before its timeout of ${expected} ms`;
  test.timePasses = false;
  test.open();
  await test.settle();
  if (isConnected(test)) return;
  test.check(12, app.is('open'), early);
  while (clock.frame < expected - 1) {
    test.advance(Math.min(50, expected - 1 - clock.frame));
    await test.turn();
  }
  if (isConnected(test)) return;
  test.check(12, app.is('open'), early);
  test.advance(2);
  await test.turn();
  test.check(12, app.is('error'), `the handshake did not end at its timeout of ${expected} ms on the scheduler of the dial`);
  const { code } = app.error as { code?: unknown };
  test.check(12, code === 'ETOHANDSHAKE', `the handshake timed out with ${String(app.error)}, not with ETOHANDSHAKE`);
}

/** A function: TypeScript would narrow the field to false after its first use. */
function isConnected({ app }: PluginRun): boolean {
  return app.isConnected;
}
