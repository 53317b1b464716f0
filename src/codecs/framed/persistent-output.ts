import type { Observable } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { ReconnectingStream } from '../reconnect/reconnecting-stream.ts';
import type { MessageOutput, WriteOutcome } from './message-writer.ts';

/** Writes messages to a persistent stream. */
export class PersistentOutput implements MessageOutput {
  readonly #line: ReconnectingStream;

  constructor(line: ReconnectingStream) {
    this.#line = line;
  }

  get isOpen(): boolean {
    return this.#line.isOpen;
  }

  get isBlocked(): boolean {
    return this.#line.isBlocked;
  }

  get disconnected$(): Observable<unknown> {
    return this.#line.disconnected$;
  }

  put(bytes: Buffer): WriteOutcome {
    return this.#line.accept(bytes);
  }

  report(error: IOStreamError, rejected?: Buffer): void {
    if (!this.isOpen) return;
    if (rejected) this.#line.reportRejected(error, rejected, rejected);
    else this.#line.report(error);
  }
}
