import { rechunk } from '../../rechunk.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';

/** Rule 2: any cut of the bytes decodes to the same messages. */
export async function cuts(run: CodecRun): Promise<void> {
  const { single, pairs, random, seed: firstSeed } = run.setup.limits;
  for (const { bytes, values } of run.samples()) {
    for (const empty of [false, true]) {
      for (const { name, chunks, seed } of rechunk(bytes, { single, pairs, random, seed: firstSeed, empty })) {
        run.report(2, outcomeProblem(await run.decode(chunks), values), chunks, seed === undefined ? '' : name);
      }
    }
    if (run.isBroken(2)) return;
  }
}
