import { PROBLEM, timersProblem } from '../problems.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

export async function unsubscribeBeforeConnected(test: WireRun): Promise<void> {
  const { app, clock, underTest } = test;
  app.dial(underTest.wire, test.virtualDial());
  app.unsubscribe();
  test.check(6, clock.pending === 0, timersProblem(clock.pending));
  await test.settle();
  clock.advance(1e6);
  test.check(6, clock.pending === 0, 'the application unsubscribed, and timers were started afterwards');
}

/** Unsubscribes from inside the first signal of a kind. */
export async function unsubscribeInside(test: WireRun, kind: 'connected' | 'data' | 'end'): Promise<void> {
  const { app, clock, underTest } = test;
  let isDone = false;
  app.onSignal = (signal) => {
    if (signal.kind !== kind) return;
    isDone = true;
    app.write(FIVE_BYTES);
    app.unsubscribe();
  };
  const peer = await test.connected(app.dial(underTest.wire, test.virtualDial()));
  if (kind !== 'connected') peer.write(FIVE_BYTES);
  if (kind === 'end') peer.end();
  await test.eventually(2, () => isDone, `'${kind}' was not emitted`);
  test.check(6, clock.pending === 0, timersProblem(clock.pending));
  await test.eventually(6, () => peer.failed() || peer.ended(), PROBLEM.stillConnected);
}

export async function unsubscribeAfterClose(test: WireRun): Promise<void> {
  const { app, clock } = test;
  const peer = await test.connect(test.virtualDial());
  app.close();
  await test.eventually(5, () => peer.ended(), PROBLEM.closeNotReceived);
  app.unsubscribe();
  test.check(6, clock.pending === 0, timersProblem(clock.pending));
}
