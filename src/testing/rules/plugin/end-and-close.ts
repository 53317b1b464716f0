import { sameBytes, show } from '../../bytes.ts';
import { chunksOf } from '../../rechunk.ts';
import { PROBLEM } from '../problems.ts';
import { BYTE_BY_BYTE, INBOUND, OUTBOUND } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

export async function peerEndsFirst(test: PluginRun): Promise<void> {
  const { app, far } = test;
  far.onSignal = ({ kind }) => {
    if (kind !== 'connected') return;
    far.write(INBOUND);
    far.end();
  };
  test.open();
  await test.connected();
  await test.eventually(4, () => app.hasEnded || app.isClosed, PROBLEM.endNotEmitted);
  await test.settle();
  test.check(4, app.hasEnded && app.is('open'), PROBLEM.peerEndClosedBoth);
  test.check(
    4,
    sameBytes(app.bytes, INBOUND),
    `the peer sent ${show(INBOUND)} before its end, and the application received ${show(app.bytes)}`,
  );
  test.write(OUTBOUND);
  await test.farReceives(4, OUTBOUND);
  app.end();
  await test.eventually(4, () => far.hasEnded, PROBLEM.endNotReceived);
  await test.eventually(5, () => app.is('complete'), PROBLEM.notCompleted);
}

export async function closeAfterWrite(test: PluginRun): Promise<void> {
  const { app, far, probe } = test;
  test.open(({ kind }) => {
    if (kind !== 'connected') return;
    test.write(...chunksOf(OUTBOUND, BYTE_BY_BYTE));
    app.close();
  });
  await test.connected();
  await test.eventually(5, () => far.hasEnded || far.isClosed, PROBLEM.closeNotReceived);
  test.check(
    5,
    sameBytes(far.bytes, OUTBOUND),
    `the application sent ${show(OUTBOUND)} before the close, and the peer received ${show(far.bytes)}`,
  );
  test.check(5, probe.flow === 'complete', 'Flow completed, and the Flow of the wire below did not');
  far.end();
  await test.eventually(5, () => app.is('complete'), PROBLEM.notCompletedAfterClose);
}
