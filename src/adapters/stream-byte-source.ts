import { noop } from 'rxjs';
import type { IOStream } from '../stream/io-stream.ts';
import { EMPTY_BYTES } from '../util/empty-bytes.ts';
import type { ByteController, ByteSource } from './web-stream-types.ts';

/** Reads a stream for a `ReadableStream` of bytes: one chunk each time that its reader wants more. */
export class StreamByteSource implements ByteSource {
  readonly type = 'bytes';
  readonly #io: IOStream;
  readonly #chunks: AsyncIterableIterator<Uint8Array>;
  #controller: ByteController | undefined;
  /** Bytes of the last chunk that did not fit into the reader's buffer. */
  #rest: Uint8Array = EMPTY_BYTES;
  #isCancelled = false;

  constructor(io: IOStream) {
    this.#io = io;
    this.#chunks = io[Symbol.asyncIterator]();
  }

  start(controller: ByteController): void {
    this.#controller = controller;
  }

  async pull(controller: ByteController): Promise<void> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (this.#isCancelled) return;
      if (next.done === true) {
        controller.close();
        controller.byobRequest?.respond(0); // A pending BYOB read ends only then.
        return;
      }
      this.#rest = next.value;
    }
    this.#fill(controller);
  }

  /** Copies: the chunk is not ours alone, and the stream detaches the buffers that it gets. */
  #fill(controller: ByteController): void {
    const rest = this.#rest;
    const request = controller.byobRequest;
    const view = request?.view;
    if (!view) {
      this.#rest = EMPTY_BYTES;
      controller.enqueue(new Uint8Array(rest));
      return;
    }
    const count = Math.min(view.byteLength, rest.length);
    new Uint8Array(view.buffer, view.byteOffset, count).set(rest.subarray(0, count));
    this.#rest = rest.subarray(count);
    request.respond(count);
  }

  /** Discards the bytes that remain and those that arrive, so that the end of the peer is seen. The other direction stays open. */
  cancel(): Promise<unknown> | undefined {
    this.#isCancelled = true;
    this.#rest = EMPTY_BYTES;
    const left = this.#chunks.return?.();
    this.#io.data$.subscribe({ error: noop });
    return left;
  }

  /** Errors the stream, if it has not ended. */
  fail(reason: unknown): void {
    this.#isCancelled = true;
    this.#controller?.error(reason);
  }
}
