import { concatBytes } from '../../../util/concat-bytes.ts';
import { pattern } from '../../bytes.ts';
import type { Endpoint } from '../endpoint.ts';
import { PROBLEM } from '../problems.ts';
import { INBOUND, OUTBOUND } from './plugin-case.ts';
import type { PluginRun } from './plugin-run.ts';

const BLOCK = pattern(2 ** 14);
/** Maximum bytes written to make a sender pause. */
const MAX_WRITTEN = 2 ** 22;
/** Maximum bytes that may arrive after a pause. */
const MAX_IN_FLIGHT = 2 ** 20;

/** Writes a few bytes that stay in the wire while the peer is paused: `sent` must not count them yet. */
export async function sentWhilePeerPauses(test: PluginRun): Promise<void> {
  const { app, rechunker } = test;
  await openAndSettle(test);
  rechunker.pause();
  test.write(OUTBOUND);
  await test.settle();
  test.check(8, app.sent < app.written, `none of ${app.written} bytes has been sent, and 'sent' reported ${app.sent}`);
  rechunker.resume();
  await test.farReceives(2, OUTBOUND);
  await test.allSent(8, app);
}

/**
 * The application pauses: before 'connected' for rule 3, after it for rule 7.
 *
 * @param handshakeBytes number of bytes that the peer sends before the plugin is connected.
 */
export async function appPauses(test: PluginRun, rule: 3 | 7, handshakeBytes: number): Promise<void> {
  const { app, far, probe } = test;
  const isEarly = rule === 3;
  let leftovers = 0;
  if (isEarly) app.pause();
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  test.open(({ kind }) => {
    if (kind !== 'connected') return;
    leftovers = probe.received - handshakeBytes;
    if (!isEarly) app.pause();
  });
  await test.connected();
  await test.eventually(2, () => far.isConnected, 'the peer was not connected');
  // Bytes read together with the last reply count as in flight.
  if (isEarly && test.isScripted && leftovers > 0)
    await test.eventually(
      3,
      () => app.received >= leftovers,
      `the application sent 'pause' before 'connected', and Up did not emit the ${leftovers} bytes that came with the last reply`,
    );
  const written = await writeUntilPaused(test, far);
  test.check(rule, far.isPaused, `the application sent 'pause', and the peer was not paused after ${far.written} bytes`);
  test.check(rule, app.received <= MAX_IN_FLIGHT, `the application sent 'pause', and Up still emitted ${app.received} bytes`);
  app.resume();
  await test.appReceives(7, concatBytes([INBOUND, ...written]));
  await test.eventually(7, () => !far.isPaused, "the application sent 'resume', and the peer is still paused");
}

export async function pauseAndResumeEarly(test: PluginRun): Promise<void> {
  const { app, far } = test;
  app.pause();
  app.resume();
  far.onSignal = ({ kind }) => kind === 'connected' && far.write(INBOUND);
  test.open();
  await test.connected();
  await test.appReceives(3, INBOUND);
  far.write(BLOCK);
  await test.appReceives(3, concatBytes([INBOUND, BLOCK]));
}

/** The peer stops reading. The application writes until the plugin pauses it. */
export async function peerPauses(test: PluginRun): Promise<void> {
  const { app, rechunker } = test;
  await openAndSettle(test);
  rechunker.pause();
  const written = await writeUntilPaused(test, app);
  test.check(7, app.isPaused, `the peer reads nothing, the application wrote ${app.written} bytes, and Up emitted no 'pause'`);
  test.check(8, app.sent < app.written, `the peer reads nothing, and 'sent' reported all ${app.written} bytes`);
  rechunker.resume();
  await test.eventually(7, () => !app.isPaused, PROBLEM.notResumed);
  await test.farReceives(7, concatBytes(written));
  await test.allSent(8, app);
}

async function openAndSettle(test: PluginRun): Promise<void> {
  test.open();
  await test.connected();
  await test.settle();
}

/** Writes blocks from one end until that end is paused, `MAX_WRITTEN` bytes at most; returns all chunks written. */
async function writeUntilPaused(test: PluginRun, end: Endpoint): Promise<readonly Uint8Array[]> {
  const written: Uint8Array[] = [];
  const write = (bytes: Uint8Array): void => {
    end.write(bytes);
    written.push(bytes);
  };
  for (let round = 0; !end.isPaused && end.written < MAX_WRITTEN && !end.isClosed; round += 1) {
    write(BLOCK);
    if (round % 4 === 3) await test.settle();
  }
  // Bytes in flight must still be accepted after a pause.
  for (let more = 0; more < 3; more += 1) write(OUTBOUND);
  await test.settle();
  return written;
}
