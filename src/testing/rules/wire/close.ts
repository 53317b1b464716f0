import { pattern } from '../../bytes.ts';
import { PROBLEM } from '../problems.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

export async function closeAfterWrite(test: WireRun): Promise<void> {
  const { app } = test;
  app.onSignal = ({ kind }) => {
    if (kind !== 'connected') return;
    app.write(FIVE_BYTES);
    app.close();
  };
  const peer = await test.connect();
  await test.peerReceives(5, FIVE_BYTES, peer);
  await test.eventually(5, () => peer.ended(), PROBLEM.closeNotReceived);
  test.check(5, !peer.failed(), 'Flow completed, and the peer was reset');
  peer.end();
  await test.eventually(5, () => app.is('complete'), PROBLEM.notCompletedAfterClose);
}

/** A close with unread input must not become a reset: the peer could lose the last bytes. */
export async function closeWithUnreadInput(test: WireRun): Promise<void> {
  const { app } = test;
  app.pause();
  const peer = await test.connect();
  peer.write(pattern(100_000));
  await test.settle();
  const { received } = app;
  app.write(FIVE_BYTES);
  app.close();
  await test.peerReceives(5, FIVE_BYTES, peer);
  await test.eventually(5, () => peer.ended() || peer.failed(), PROBLEM.closeNotReceived);
  await test.settle();
  test.check(5, !peer.failed(), 'Flow completed with unread input, and the peer was reset');
  test.check(5, app.received === received, 'Flow completed, and Up still emitted bytes');
  peer.end();
  await test.eventually(5, () => app.is('complete'), PROBLEM.notCompletedAfterClose);
}

export async function closeBeforeConnected(test: WireRun): Promise<void> {
  const { app, underTest } = test;
  test.msPerTurn = 10;
  app.close();
  app.dial(underTest.wire, test.virtualDial({ close: 500 }));
  await test.eventually(5, () => app.isClosed, "Flow completed before 'connected', and Up did not end");
}

/** Checks that `timeouts.close` runs on virtual time only: nothing may happen in real time. */
export async function closeTimeout(test: WireRun): Promise<void> {
  const { app, clock } = test;
  const close = 100;
  const peer = await test.connect(test.virtualDial({ close }));
  app.close();
  await test.eventually(5, () => peer.ended(), PROBLEM.closeNotReceived);
  // A wire that does not wait for the peer has already closed.
  for (let turns = 0; turns < 5; turns += 1) await test.settle(0);
  if (app.isClosed) return;
  await test.settle(close * 2);
  test.check(12, app.is('open'), `timeouts.close of ${close} ms passed in real time instead of on the scheduler of the dial`);
  clock.advance(close - 1);
  test.check(12, app.is('open'), `timeouts.close of ${close} ms ended a millisecond early`);
  clock.advance(2);
  test.check(12, app.isClosed, `timeouts.close of ${close} ms passed on the scheduler of the dial, and Up did not end`);
}
