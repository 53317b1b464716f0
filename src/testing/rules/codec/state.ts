import { concat, NEVER, of, Subject } from 'rxjs';
import { concatBytes } from '../../../util/concat-bytes.ts';
import { sameBytes, show } from '../../bytes.ts';
import type { CodecRun } from './codec-run.ts';
import { outcomeProblem } from './outcome.ts';

/** Rule 6: subscriptions share no state, and each one starts empty. */
export async function separateState(run: CodecRun): Promise<void> {
  await twoDecoders(run);
  await secondDecoder(run);
  twoEncoders(run);
}

/** Interleaves two subscriptions of one decode(), byte by byte. */
async function twoDecoders(run: CodecRun): Promise<void> {
  const { bytes, values } = run.all();
  const decode = run.codec.decode();
  const sources = [new Subject<Uint8Array>(), new Subject<Uint8Array>()];
  const outcomes = sources.map((source$) => run.watch(source$.pipe(decode)));
  for (const byte of bytes) for (const source$ of sources) source$.next(Uint8Array.of(byte));
  for (const source$ of sources) source$.complete();
  for (const [at, outcome] of outcomes.entries()) {
    const problem = outcomeProblem(await run.settled(outcome), values);
    const which = `the ${at === 0 ? 'first' : 'second'} of two interleaved subscriptions of one decode()`;
    run.report(6, problem && `${which}: ${problem}`, [bytes]);
  }
}

/** Unsubscribes inside a frame, then subscribes again. */
async function secondDecoder(run: CodecRun): Promise<void> {
  const { bytes, values } = run.all();
  const decode = run.codec.decode();
  decode(concat(of(bytes.slice(0, 1)), NEVER))
    .subscribe()
    .unsubscribe();
  const problem = outcomeProblem(await run.run(decode(of(bytes.slice()))), values);
  run.report(6, problem && `a subscription after one that was unsubscribed inside a frame: ${problem}`, [bytes]);
}

/** Interleaves two subscriptions of one encode(), message by message. */
function twoEncoders(run: CodecRun): void {
  const { bytes } = run.all();
  const encode = run.codec.encode();
  const sources = [new Subject<unknown>(), new Subject<unknown>()];
  const outputs: Uint8Array[][] = [[], []];
  for (const [at, source$] of sources.entries()) source$.pipe(encode).subscribe((chunk) => outputs[at]?.push(chunk));
  for (const message of run.setup.messages) for (const source$ of sources) source$.next(message);
  for (const output of outputs.map((chunks) => concatBytes(chunks))) {
    if (sameBytes(output, bytes)) continue;
    run.report(6, `one of two interleaved subscriptions of one encode(): expected ${show(bytes)}, got ${show(output)}`, [bytes]);
  }
}
