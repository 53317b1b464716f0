import type { IOStream } from '../../stream/io-stream.ts';
import type { ReadEnd } from '../../stream/read-end.ts';

/** Reader of messages that follows the changes of the connections. */
export interface ConnectionReader {
  /** Whether no messages of this closed stream remain to be read. */
  isDrained(io: IOStream): boolean;
  /** Whether a message is being handled by `consume`. */
  isHandling(): boolean;
  /** Whether a reader would get an error. */
  isErrorHandled(): boolean;
  /** Called when there is another connection to read, or when there will be no more. */
  connectionChanged(): void;
  /** Ends the current readers with an error. Returns whether there were any. */
  fail(error: unknown): boolean;
}

/** The streams whose messages are read, one after the other. */
export interface Connections {
  /** The stream to read. Undefined if there is none now. */
  readonly io: IOStream | undefined;
  /** The end of the messages, when there will be no more streams. */
  readonly end: ReadEnd | undefined;
  /** Adds a reader. If messages were dropped, returns the end that the reader gets instead. */
  addReader(reader: ConnectionReader): ReadEnd | undefined;
  /** Called with the end of the stream when all its messages have been read. Returns the end for the current readers, if any. */
  next(end: ReadEnd): ReadEnd | undefined;
}
