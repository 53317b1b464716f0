import { sameBytes, show } from '../../bytes.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';

/** Rule 1: messages encode to the expected frames, and decode to the same messages. */
export async function roundTrip(run: CodecRun): Promise<void> {
  for (const [at, frame] of run.encode().entries()) {
    const expected = run.setup.frames?.[at];
    if (expected !== undefined && !sameBytes(frame, expected))
      run.report(1, `expected message ${at} to become ${show(expected)}, got ${show(frame)}`, [frame]);
  }
  for (const { frames, values } of run.samples()) run.report(1, outcomeProblem(await run.decode(frames), values), frames);
}
