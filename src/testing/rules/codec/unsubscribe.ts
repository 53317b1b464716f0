import { Observable, Subject, take } from 'rxjs';
import { same } from '../../same.ts';
import type { CodecRun } from './codec-run.ts';
import type { Sample } from './sample.ts';

/** Rule 5: unsubscribing leaves the source at once, at each message and at each byte. */
export async function unsubscribes(run: CodecRun): Promise<void> {
  const sample = run.all();
  for (let count = 1; count <= sample.values.length; count += 1) await takeMessages(run, sample, count);
  for (let at = 0; at <= Math.min(sample.bytes.length, run.setup.limits.single); at += 1) unsubscribeAtByte(run, sample, at);
}

/** Takes some messages of an endless source. */
async function takeMessages(run: CodecRun, { bytes, values }: Sample, count: number): Promise<void> {
  let [chunks, teardowns] = [0, 0];
  const endless$ = new Observable<Uint8Array>((out) => {
    out.add(() => (teardowns += 1));
    for (; chunks < 100 && !out.closed; chunks += 1) out.next(bytes.slice());
  });
  const outcome = await run.run(endless$.pipe(run.codec.decode(), take(count)));
  if (!same(outcome.values, values.slice(0, count)))
    run.report(5, `${count} messages were taken, and ${outcome.values.length} were emitted`, [bytes]);
  if (teardowns !== 1 || chunks > 1)
    run.report(5, `message ${count} was the last one taken, and the source was not unsubscribed at once`, [bytes]);
}

function unsubscribeAtByte(run: CodecRun, { bytes }: Sample, at: number): void {
  const source$ = new Subject<Uint8Array>();
  let emitted = 0;
  const subscription = source$.pipe(run.codec.decode()).subscribe(() => (emitted += 1));
  if (at > 0) source$.next(bytes.slice(0, at));
  subscription.unsubscribe();
  const before = emitted;
  if (source$.observed) run.report(5, `unsubscribed after ${at} bytes, and the source is still subscribed`, [bytes.slice(0, at)]);
  source$.next(bytes.slice(at));
  if (emitted > before) run.report(5, `unsubscribed after ${at} bytes, and messages were still emitted`, [bytes.slice(0, at)]);
}
