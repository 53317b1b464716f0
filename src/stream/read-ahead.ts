import type { IOStream } from './io-stream.ts';

/**
 * Ends the input of a reader that keeps bytes between the stream and the application, such as a decoder.
 *
 * @returns what the reader holds that the application has not got, in words; `undefined` when it holds nothing.
 */
export type ReadAhead = () => string | undefined;

const holders = new WeakMap<IOStream, ReadAhead[]>();

/** Registers a reader that may hold bytes of the stream: no buffer of the stream shows them. */
export function registerReadAhead(io: IOStream, holder: ReadAhead): void {
  const all = holders.get(io);
  if (all) all.push(holder);
  else holders.set(io, [holder]);
}

/** Describes what the readers of a stream hold; ends their input, since the bytes that follow are of another protocol. */
export function heldAhead(io: IOStream): string | undefined {
  return holders
    .get(io)
    ?.map((holder) => holder())
    .find((held) => held !== undefined);
}
