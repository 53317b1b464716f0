import { of, Subject } from 'rxjs';
import { concatBytes } from '../../../util/concat-bytes.ts';
import { StackGrowth } from '../stack-growth.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';

const MANY_FRAMES = 10_000;

/** Rule 9: bytes and the end from inside `next` keep their order, and many frames in a chunk do not deepen the stack. */
export async function synchronousBytes(run: CodecRun): Promise<void> {
  await bytesInsideNext(run);
  await manyFramesInOneChunk(run);
}

async function bytesInsideNext(run: CodecRun): Promise<void> {
  const { bytes, values } = run.all();
  const source$ = new Subject<Uint8Array>();
  let isFirst = true;
  const outcome = run.watch(source$.pipe(run.codec.decode()), () => {
    if (!isFirst) return;
    isFirst = false;
    source$.next(bytes.slice());
    source$.complete();
  });
  source$.next(bytes.slice());
  const problem = outcomeProblem(await run.settled(outcome), [...values, ...values]);
  run.report(9, problem && `the same bytes and the end arrived from inside the first message: ${problem}`, [bytes]);
}

async function manyFramesInOneChunk(run: CodecRun): Promise<void> {
  const { bytes, frames } = run.all();
  const times = Math.ceil(MANY_FRAMES / frames.length);
  const count = times * frames.length;
  const growth = new StackGrowth();
  let emitted = 0;
  const chunk$ = of(concatBytes(Array.from({ length: times }, () => bytes)));
  const onValue = (): void => {
    emitted += 1;
    growth.sample('message');
  };
  await run.settled(run.watch(chunk$.pipe(run.codec.decode()), onValue));
  const note = `${times} times`;
  if (emitted !== count) run.report(9, `decode() emitted ${emitted} messages for ${count} frames in one chunk`, [bytes], note);
  run.report(9, growth.problem(`${count} messages`), [bytes], note);
}
