import type { Observable } from 'rxjs';
import type { IOStreamError } from '../../errors.ts';
import type { Bytes } from '../../stream/bytes.ts';
import type { Connection } from '../../stream/connection.ts';
import type { MessageOutput } from './message-output.ts';

/** Writes messages to a stream. */
export class StreamOutput implements MessageOutput {
  readonly #core: Connection;

  constructor(core: Connection) {
    this.#core = core;
  }

  get isOpen(): boolean {
    return this.#core.lifetime.isActive;
  }

  get isBlocked(): boolean {
    return this.#core.writes.blocked;
  }

  get disconnected$(): Observable<unknown> {
    return this.#core.lifetime.closing$;
  }

  queue(bytes: Bytes): IOStreamError | undefined {
    return this.#core.writes.accept(bytes);
  }

  report(error: IOStreamError): void {
    this.#core.reportLater(error);
  }
}
