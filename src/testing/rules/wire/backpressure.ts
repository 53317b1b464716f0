import { concatBytes } from '../../../util/concat-bytes.ts';
import { pattern } from '../../bytes.ts';
import { PROBLEM } from '../problems.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

const CHUNK = pattern(2 ** 16);

/** The application pauses: before 'connected' for rule 3, after it for rule 7. */
export async function appPauses(test: WireRun, rule: 3 | 7): Promise<void> {
  const { app, options } = test;
  const chunks = Array.from({ length: Math.ceil(options.volume / 4 / CHUNK.length) }, () => CHUNK);
  if (rule === 3) app.pause();
  const peer = await test.connect();
  if (rule === 7) app.pause();
  for (const chunk of chunks) peer.write(chunk);
  await test.settle();
  const { received } = app;
  // Bytes in flight at the pause may still be emitted.
  test.check(rule, received <= options.volume / 16, `the application sent 'pause', and Up still emitted ${received} bytes`);
  app.resume();
  await test.appReceives(7, concatBytes(chunks));
}

/** The peer stops reading. The application writes until the wire pauses it. */
export async function peerPauses(test: WireRun): Promise<void> {
  const { app, options } = test;
  const peer = await test.connect();
  peer.pause();
  const chunks: Uint8Array[] = [];
  const write = (bytes: Uint8Array): void => {
    chunks.push(bytes);
    app.write(bytes);
  };
  let largestSent = 0;
  app.onSignal = (signal) => {
    if (signal.kind === 'sent') largestSent = Math.max(largestSent, signal.bytes);
  };
  // A wire that hands its bytes on in a later turn pauses until then, although the way to the peer is not full.
  const staysPaused = async (): Promise<boolean> => {
    for (let turns = 0; app.isPaused && turns < 5; turns += 1) await test.settle(0);
    return app.isPaused;
  };
  while (app.written < options.volume && !(await staysPaused())) {
    write(CHUNK);
    if (chunks.length % 16 === 0) await test.settle(0);
  }
  test.check(7, app.isPaused, `the peer reads nothing, the application wrote ${app.written} bytes, and Up emitted no 'pause'`);
  write(new Uint8Array(2 ** 20));
  for (let more = 0; more < 10; more += 1) write(FIVE_BYTES);
  await test.settle();
  test.check(
    8,
    app.sent < app.written,
    `a peer that does not read received ${peer.count()} of ${app.written} bytes, and 'sent' reported all of them`,
  );
  peer.resume();
  await test.eventually(7, () => !app.isPaused, PROBLEM.notResumed);
  await test.peerReceives(7, concatBytes(chunks), peer);
  await test.allSent(8, app);
  test.check(
    8,
    largestSent <= options.sentEvery,
    `one 'sent' reported ${largestSent} bytes, more than the ${options.sentEvery} of sentEvery`,
  );
}
