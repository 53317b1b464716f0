import type { Observable } from 'rxjs';
import type { IOStreamError } from '../../errors.ts';
import type { Bytes } from '../../stream/bytes.ts';
import type { ReconnectingStream } from '../../reconnect/reconnecting-stream.ts';
import type { MessageOutput, WriteOutcome } from './message-output.ts';

/** Writes messages to a persistent stream. */
export class PersistentOutput implements MessageOutput {
  readonly #stream: ReconnectingStream;

  constructor(stream: ReconnectingStream) {
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return this.#stream.isOpen;
  }

  get isBlocked(): boolean {
    return this.#stream.isBlocked;
  }

  get disconnected$(): Observable<unknown> {
    return this.#stream.disconnected$;
  }

  queue(bytes: Bytes): WriteOutcome {
    return this.#stream.accept(bytes);
  }

  report(error: IOStreamError, rejected?: Bytes): void {
    if (!this.isOpen) return;
    if (rejected) this.#stream.reportRejected(error, rejected, rejected);
    else this.#stream.report(error);
  }
}
