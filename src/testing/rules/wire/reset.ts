import { isStreamError } from '../is-stream-error.ts';
import { PROBLEM } from '../problems.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

export async function appResets(test: WireRun): Promise<void> {
  const { app, options } = test;
  const peer = await test.connect();
  const reason = new Error('the application resets');
  app.reset(reason);
  test.check(5, app.is('error') && app.error === reason, `${PROBLEM.wrongResetError} at once`);
  await test.eventually(5, () => peer.failed() || (!options.resets && peer.ended()), PROBLEM.resetNotReceived);
}

export async function peerResets(test: WireRun): Promise<void> {
  const { app, options } = test;
  const peer = await test.connect();
  peer.write(FIVE_BYTES);
  await test.appReceives(5, FIVE_BYTES);
  peer.reset();
  if (!options.resets) {
    await test.eventually(5, () => app.hasEnded || app.isClosed, 'the peer was destroyed, and Up did not end');
    return;
  }
  await test.eventually(5, () => app.isClosed, 'the peer reset the connection, and Up did not end');
  test.check(5, app.is('error'), 'the peer reset the connection, and Up completed without an error');
  test.check(
    5,
    isStreamError(app.error),
    `the peer reset the connection, and Up errored with ${String(app.error)}, not with an IOStreamError`,
  );
}
