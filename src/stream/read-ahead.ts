import type { IOStream } from './io-stream.ts';

/** A reader that buffers bytes between the stream and the application, such as a decoder. */
export interface ReadAhead {
  /** From {@link nextReader}. */
  readonly number: number;
  /** Whether it buffers data that the application has not read. The reader remains. */
  hasUnread(): boolean;
  /**
   * Ends its input.
   *
   * @returns a description of the buffered data that the application has not read; `undefined` if there is none.
   */
  endInput(): string | undefined;
}

const readersOf = new WeakMap<IOStream, ReadAhead[]>();
let readers = 0;

/** Returns the number of a new reader. A reader that is created later has a higher one. */
export function nextReader(): number {
  return (readers += 1);
}

/** Registers a reader that may buffer bytes of the stream, which the stream's own buffer no longer contains. */
export function registerReadAhead(io: IOStream, reader: ReadAhead): void {
  const all = readersOf.get(io);
  if (all) all.push(reader);
  else readersOf.set(io, [reader]);
}

/** Describes the data that the readers of a stream buffer. Ends their input: the bytes that follow belong to another protocol. */
export function heldAhead(io: IOStream): string | undefined {
  return endAll(readersOf.get(io) ?? []);
}

/**
 * Ends the readers that were created after the reader `number`, and forgets them, unless a reader of the stream has unread data.
 *
 * @returns whether no reader has unread data.
 */
export function endSince(io: IOStream, number: number): boolean {
  const all = readersOf.get(io) ?? [];
  if (all.some((each) => each.hasUnread())) return false;
  const later = all.filter((each) => each.number > number);
  if (later.length === 0) return true;
  readersOf.set(
    io,
    all.filter((each) => each.number <= number),
  );
  return endAll(later) === undefined;
}

/** Ends the latest reader first: it reads from an earlier one. */
function endAll(all: readonly ReadAhead[]): string | undefined {
  return all
    .toSorted((one, other) => other.number - one.number)
    .map((each) => each.endInput())
    .find((held) => held !== undefined);
}
