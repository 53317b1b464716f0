import { createHash } from 'node:crypto';
import { combineLatest, concat, defer, ignoreElements, map, scan, startWith, tap, type Observable } from 'rxjs';
import type { IOStream } from 'rxjs-io-stream';
import { formatCount } from '../support/format.ts';
import { Failure } from './failure.ts';

/** How many bytes have been sent, how many have come back, and the SHA-256 of both. */
export interface RoundTrip {
  readonly sent: number;
  readonly back: number;
  sentHash(): string;
  backHash(): string;
}

/**
 * Sends a source, then ends the stream. Meanwhile reads until the peer ends.
 *
 * Emits the progress, and completes when the stream is closed. Errors if the source or the stream fails, or with a {@link Failure}
 * if the peer ends first. Memory stays flat: the source is read only while the stream accepts more.
 */
export function roundTrip(io: IOStream, source: AsyncIterable<Buffer>): Observable<RoundTrip> {
  return defer(() => {
    const [sent, back] = [createHash('sha256'), createHash('sha256')];
    let sending = true;
    const onSent = (): void => {
      sending = false;
      io.end();
    };
    const checkEnd = (): void => {
      if (sending) throw cutOff(io.inBytes);
    };
    const sent$ = io.send(seen(source, (chunk) => sent.update(chunk))).pipe(tap({ complete: onSent }), startWith(0));
    const back$ = io.data$.pipe(
      tap({ next: (chunk) => back.update(chunk), complete: checkEnd }),
      scan((total, chunk) => total + chunk.length, 0),
      startWith(0),
    );
    const hashes = { sentHash: () => sent.copy().digest('hex'), backHash: () => back.copy().digest('hex') };
    const trip$ = combineLatest([sent$, back$]).pipe(map(([sent, back]) => ({ sent, back, ...hashes })));
    return concat(trip$, io.closed$.pipe(ignoreElements()));
  });
}

/** Yields the same chunks, and calls `look` with each one first. */
async function* seen(source: AsyncIterable<Buffer>, look: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    look(chunk);
    yield chunk;
  }
}

const cutOff = (back: number): Failure =>
  new Failure(
    'the server to read and send back until we end',
    `its end after ${formatCount(back, 'byte')}, while we were still sending`,
    'check that the server echoes all it reads, and what is between',
  );
