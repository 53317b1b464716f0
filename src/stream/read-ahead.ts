import type { IOStream } from './io-stream.ts';

/**
 * Ends the input of a reader that buffers bytes between the stream and the application, such as a decoder.
 *
 * @returns a description of the buffered data that the application has not read; `undefined` if there is none.
 */
export type ReadAhead = () => string | undefined;

interface Holder {
  readonly end: ReadAhead;
  readonly number: number;
}

const holders = new WeakMap<IOStream, Holder[]>();
let readers = 0;

/** Returns the number of a new reader. A reader that is created later has a higher one. */
export function nextReader(): number {
  return (readers += 1);
}

/** Registers a reader that may buffer bytes of the stream, which the stream's own buffer no longer contains. */
export function registerReadAhead(io: IOStream, end: ReadAhead, number: number): void {
  const all = holders.get(io);
  if (all) all.push({ end, number });
  else holders.set(io, [{ end, number }]);
}

/** Describes the data that the readers of a stream buffer. Ends their input: the bytes that follow belong to another protocol. */
export function heldAhead(io: IOStream): string | undefined {
  return endAll(holders.get(io) ?? []);
}

/** Ends the readers that were created after the reader `number`, as {@link heldAhead} does, and forgets them. */
export function heldSince(io: IOStream, number: number): string | undefined {
  const all = holders.get(io) ?? [];
  const later = all.filter((each) => each.number > number);
  if (later.length === 0) return undefined;
  holders.set(
    io,
    all.filter((each) => each.number <= number),
  );
  return endAll(later);
}

/** Ends the latest reader first: it reads from an earlier one. */
function endAll(all: readonly Holder[]): string | undefined {
  return all
    .toSorted((one, other) => other.number - one.number)
    .map(({ end }) => end())
    .find((held) => held !== undefined);
}
