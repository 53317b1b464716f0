import { Observable, of } from 'rxjs';
import { MutationDetector } from '../../mutation-detector.ts';
import { rechunk } from '../../rechunk.ts';
import type { CodecRun } from './codec-run.ts';

/** Rule 8: input and output bytes are not changed. */
export async function ownership(run: CodecRun): Promise<void> {
  for (const { chunks } of rechunk(run.all().bytes, { single: 5, pairs: 0, random: 2 })) await decodeCopies(run, chunks);
  encodeMessages(run);
}

async function decodeCopies(run: CodecRun, chunks: readonly Uint8Array[]): Promise<void> {
  const mutations = new MutationDetector();
  const copies = chunks.map((chunk) => chunk.slice());
  for (const chunk of copies) mutations.track(chunk, 'input bytes of decode()');
  const chunk$ = new Observable<Uint8Array>((out) => {
    for (const chunk of copies) out.next(chunk);
    out.complete();
  });
  await run.run(chunk$.pipe(run.codec.decode()));
  run.report(8, mutations.changed() ?? run.mutations.changed(), chunks);
}

function encodeMessages(run: CodecRun): void {
  const { messages } = run.setup;
  const mutations = new MutationDetector();
  const encoded: Uint8Array[] = [];
  for (const message of messages) if (message instanceof Uint8Array) mutations.track(message, 'bytes of a message for encode()');
  of(...messages)
    .pipe(run.codec.encode())
    .subscribe((chunk) => {
      mutations.track(chunk, 'output bytes of encode()');
      encoded.push(chunk);
    });
  run.report(8, mutations.changed(), encoded);
}
