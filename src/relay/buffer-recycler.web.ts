import type { Connection } from '../stream/connection.ts';

/** Recycles nothing: only sockets of Node have read buffers to recycle. See `buffer-recycler.ts`. */
export class BufferRecycler {
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- the same parameters as on Node
  constructor(_source: Connection, _destination: Connection) {}

  add(_chunk: Uint8Array): void {}

  recycleSent(): void {}
}
