/** Recycles nothing: only Node lends its read buffers. See `buffer-recycler.ts`. */
export class BufferRecycler {
  constructor(_source: unknown, _destination: unknown) {}

  add(_chunk: Uint8Array): void {}

  recycleSent(): void {}
}
