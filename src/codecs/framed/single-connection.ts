import type { IOStream } from '../../stream/io-stream.ts';
import type { ReadEnd } from '../../stream/read-end.ts';
import type { Connections } from './connections.ts';

/** A single stream. Its end is the end of the messages. */
export class SingleConnection implements Connections {
  io: IOStream | undefined;
  end: ReadEnd | undefined;

  constructor(io: IOStream) {
    this.io = io;
  }

  addReader(): undefined {
    return undefined;
  }

  next(end: ReadEnd): ReadEnd {
    this.io = undefined;
    this.end = end;
    return end;
  }
}
