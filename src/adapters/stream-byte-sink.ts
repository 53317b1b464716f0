import { ECLOSED, IOStreamError } from '../errors.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import type { Writable } from '../stream/bytes.ts';
import type { ByteSink, SinkController } from './web-stream-types.ts';

/** Writes to a stream for a `WritableStream`: the next chunk when the last one has been sent. */
export class StreamByteSink implements ByteSink {
  readonly #io: IOStream;
  #controller: SinkController | undefined;

  constructor(io: IOStream) {
    this.#io = io;
  }

  start(controller: SinkController): void {
    this.#controller = controller;
  }

  write(chunk: unknown): Promise<void> {
    const bytes = chunk instanceof ArrayBuffer ? new Uint8Array(chunk) : (chunk as Writable);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.abort(error); // The stream is errored by the rejection, and calls nothing more: our direction could never end.
        reject(error);
      };
      const sending = this.#io.send([bytes]).subscribe({ error: fail, complete: resolve });
      // The owner of the stream has unsubscribed: the send ends without a notification.
      sending.add(() => reject(closedForWriting()));
    });
  }

  close(): void {
    if (!internalsOf(this.#io).isClosed) this.#io.end();
  }

  abort(reason: unknown): void {
    internalsOf(this.#io).closing.reset(
      reason ?? new IOStreamError('ECONNABORTED', { phase: 'close', errno: -103, message: 'the writable was aborted' }),
    );
  }

  /** Errors the stream, if it has not been closed. */
  fail(reason: unknown): void {
    this.#controller?.error(reason);
  }
}

/** Creates the error of a write to a stream that is closed. */
export function closedForWriting(cause?: unknown): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'write', cause, message: 'the stream of toWebStreams is closed' });
}
