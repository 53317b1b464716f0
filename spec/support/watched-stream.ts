import type { IOStream } from 'rxjs-io-stream';
import type { Harness } from './harness.ts';

/** Lets the harness watch a stream, and resets it at the end of the spec. */
export function watchedStream<S extends IOStream>(h: Harness, io: S): S {
  h.watch(io);
  h.defer(() => io.reset());
  return io;
}
