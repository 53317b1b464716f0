import type { IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-side.ts';

/** What the readers of the messages do when the connections change. */
export interface ConnectionReader {
  /** Whether nothing of this stream, which has closed, is left to read. */
  isSpent(io: IOStream): boolean;
  /** Whether a reader would get an error. */
  isHeard(): boolean;
  /** There is another connection to read, or there will be none. */
  changed(): void;
  /** Ends the present readers with an error. Returns whether there were any. */
  fail(error: unknown): boolean;
}

/** The streams whose messages are read, one after another. */
export interface Connections {
  /** The stream to read; undefined: none now. */
  readonly io: IOStream | undefined;
  /** How the messages ended, when there will be no more streams. */
  readonly end: ReadEnd | undefined;
  /** There is one more reader. Returns the end it gets instead of messages, if some were dropped. */
  open(reader: ConnectionReader): ReadEnd | undefined;
  /** All messages of the stream have been taken, and its end is this. Returns the end that present readers get, if they get one. */
  pass(end: ReadEnd): ReadEnd | undefined;
}

/** One stream: its end is the end of the messages. */
export class OneConnection implements Connections {
  io: IOStream | undefined;
  end: ReadEnd | undefined;

  constructor(io: IOStream) {
    this.io = io;
  }

  open(): undefined {
    return undefined;
  }

  pass(end: ReadEnd): ReadEnd {
    this.io = undefined;
    this.end = end;
    return end;
  }
}
