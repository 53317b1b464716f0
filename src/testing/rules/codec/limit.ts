import { concat, from, NEVER } from 'rxjs';
import { concatBytes } from '../../../util/concat-bytes.ts';
import { rechunk } from '../../rechunk.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';

/** Rule 10: a frame over the limit errors before the end of the source. */
export async function limit(run: CodecRun): Promise<void> {
  const { tooLong } = run.setup;
  if (tooLong === undefined) return;
  const { bytes, values } = run.all();
  for (const { chunks } of rechunk(concatBytes([bytes, tooLong]), { single: 20, pairs: 0, random: 2 })) {
    const unended$ = concat(from(chunks.map((chunk) => chunk.slice())), NEVER);
    run.report(10, outcomeProblem(await run.run(unended$.pipe(run.codec.decode())), values, 'error'), chunks);
    if (run.isBroken(10)) return;
  }
}
