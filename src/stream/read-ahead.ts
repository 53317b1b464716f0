import type { IOStream } from './io-stream.ts';

/**
 * Ends the input of a reader that buffers bytes between the stream and the application, such as a decoder.
 *
 * @returns a description of the buffered data that the application has not read; `undefined` if there is none.
 */
export type ReadAhead = () => string | undefined;

const holders = new WeakMap<IOStream, ReadAhead[]>();

/** Registers a reader that may buffer bytes of the stream, which the stream's own buffer no longer contains. */
export function registerReadAhead(io: IOStream, holder: ReadAhead): void {
  const all = holders.get(io);
  if (all) all.push(holder);
  else holders.set(io, [holder]);
}

/** Describes the data that the readers of a stream buffer. Ends their input: the bytes that follow belong to another protocol. */
export function heldAhead(io: IOStream): string | undefined {
  return holders
    .get(io)
    ?.map((holder) => holder())
    .find((held) => held !== undefined);
}
