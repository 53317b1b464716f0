import { concat, of, throwError } from 'rxjs';
import { rechunk } from '../../rechunk.ts';
import { same } from '../../same.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';
import { prefixesOf } from './sample.ts';

/** Rule 3: an end between frames completes; one inside a frame errors. */
export async function sourceCompletes(run: CodecRun): Promise<void> {
  for (const sample of run.samples()) {
    for (const { bytes, values, isWhole } of prefixesOf(sample, run.setup.limits.single)) {
      for (const { chunks } of rechunk(bytes, { single: 0, pairs: 0, random: 0 })) {
        run.report(3, outcomeProblem(await run.decode(chunks), values, isWhole ? 'complete' : 'error'), chunks, 'then the end');
      }
    }
    if (run.isBroken(3)) return;
  }
}

/** Rule 4: an error of the source is passed on. */
export async function sourceErrors(run: CodecRun): Promise<void> {
  const reason = new Error('the source fails');
  const fails$ = throwError(() => reason);
  const note = 'then an error';
  for (const { bytes, values } of prefixesOf(run.all(), run.setup.limits.single)) {
    const { error, values: received } = await run.run(concat(of(bytes), fails$).pipe(run.codec.decode()));
    if (error !== reason) run.report(4, `the source errored, and decode() emitted the error ${String(error)}`, [bytes], note);
    else if (!same(received, values))
      run.report(4, `decode() emitted ${received.length} of ${values.length} messages before the error`, [bytes], note);
  }
  const { error } = await run.run(concat(of(run.setup.messages[0]), fails$).pipe(run.codec.encode()));
  if (error !== reason) run.report(4, `the source of encode() errored, and encode() emitted the error ${String(error)}`, []);
}
