import { concatBytes } from '../../../util/concat-bytes.ts';
import { pattern } from '../../bytes.ts';
import { chunksOf, cutPlans } from '../../rechunk.ts';
import { PROBLEM } from '../problems.ts';
import { FIVE_BYTES, type WireCase } from './wire-case.ts';

/** Transfers of a few bytes, in every way to cut them. */
export function* smallTransfers(): Generator<WireCase> {
  for (const length of [1, 3]) {
    for (const plan of cutPlans(length, { random: 0 })) {
      yield transfer(`${length} bytes each way, ${plan.name}`, chunksOf(pattern(length, 65), plan));
    }
  }
  const [withEmpty] = cutPlans(3, { empty: true });
  if (withEmpty) yield transfer('3 bytes each way, an empty chunk before and after', chunksOf(pattern(3, 65), withEmpty));
}

/** Transfers of more bytes than one read or write of a socket. */
export function* largeTransfers(): Generator<WireCase> {
  const rules = [2, 8, 10];
  yield transfer('1 MiB each way in one chunk', [pattern(2 ** 20)], rules);
  for (const plan of cutPlans(2 ** 16, { single: 0, random: 2 })) {
    if (plan.seed !== undefined) yield transfer(`64 KiB each way, ${plan.name}`, chunksOf(pattern(2 ** 16), plan), rules);
  }
}

/** Transfers in both directions at once; then the application ends, then the peer. */
function transfer(input: string, chunks: readonly Uint8Array[], rules: readonly number[] = [2, 4, 5, 8, 10]): WireCase {
  return {
    rules,
    input,
    async run(test) {
      const { app } = test;
      const bytes = concatBytes(chunks);
      app.onSignal = ({ kind }) => kind === 'connected' && app.write(...chunks);
      const peer = await test.connect();
      for (const chunk of chunks) peer.write(chunk);
      await test.appReceives(2, bytes);
      await test.peerReceives(2, bytes, peer);
      await test.allSent(8, app);
      app.end();
      await test.eventually(4, () => peer.ended(), PROBLEM.endNotReceived);
      await test.settle(5);
      test.check(4, app.is('open') && !app.hasEnded, PROBLEM.endClosedBoth);
      peer.write(FIVE_BYTES);
      await test.appReceives(4, concatBytes([bytes, FIVE_BYTES]));
      peer.end();
      await test.eventually(4, () => app.hasEnded, PROBLEM.endNotEmitted);
      await test.eventually(5, () => app.is('complete'), PROBLEM.notCompleted);
    },
  };
}
