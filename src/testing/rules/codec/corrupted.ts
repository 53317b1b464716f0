import { from } from 'rxjs';
import { mutate } from '../../chaos/mutate.ts';
import { randomOf } from '../../random-of.ts';
import { codeOf, same } from '../../same.ts';
import { shrink } from '../shrink.ts';
import type { CodecRun } from './codec-run.ts';
import { errorProblem, type Outcome } from './outcome.ts';

/** Rule 7: corrupted input ends the same way for any cut, and errors have a code and a phase. */
export async function corruptedInput(run: CodecRun): Promise<void> {
  const { seed, corrupted } = run.setup.limits;
  const random = randomOf(seed);
  const samples = run.samples().map(({ bytes }) => bytes);
  for (let round = 0; round < corrupted; round += 1) {
    const bytes = mutate(samples, random);
    const problem = await problemOf(run, bytes);
    if (problem === undefined) continue;
    const short = shrink(bytes, (less) => difference(...decodeTwice(run, less)) !== undefined);
    // Shrinking sees synchronous results only: for an asynchronous codec, the short input may not fail.
    const shortProblem = await problemOf(run, short);
    run.report(7, shortProblem ?? problem, [shortProblem === undefined ? bytes : short], 'then the end');
    return;
  }
}

async function problemOf(run: CodecRun, bytes: Uint8Array): Promise<string | undefined> {
  const [whole, byByte] = decodeTwice(run, bytes);
  return difference(await run.settled(whole), await run.settled(byByte));
}

/** Decodes bytes in one chunk, and byte by byte. A thrown error counts as an error of the stream. */
function decodeTwice(run: CodecRun, bytes: Uint8Array): readonly [whole: Outcome, byByte: Outcome] {
  const decode = (chunks: readonly Uint8Array[]): Outcome => {
    try {
      return run.watch(from(chunks).pipe(run.codec.decode()));
    } catch (error) {
      return { values: [], end: 'error', error };
    }
  };
  return [decode([bytes.slice()]), decode(Array.from(bytes, (byte) => Uint8Array.of(byte)))];
}

/** Describes a broken rule in the two outcomes, if any. Does not compare error messages, which may contain byte counts. */
function difference(whole: Outcome, byByte: Outcome): string | undefined {
  if (whole.end === 'open') return 'the source completed, and decode() did not end';
  const problem = whole.end === 'error' ? errorProblem(whole.error) : undefined;
  if (problem !== undefined) return problem;
  const isSame = same(byByte.values, whole.values) && byByte.end === whole.end && codeOf(byByte.error) === codeOf(whole.error);
  return isSame ? undefined : `decode() emitted ${summary(whole)} for one chunk, and ${summary(byByte)} byte by byte`;
}

function summary({ values, end, error }: Outcome): string {
  return `${values.length} messages and ${end === 'error' ? String(error) : end}`;
}
