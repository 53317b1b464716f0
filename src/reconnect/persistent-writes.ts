import { BehaviorSubject } from 'rxjs';
import { EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import type { Bytes, Writable } from '../stream/bytes.ts';
import type { Connection } from '../stream/connection.ts';
import type { UnsentWrite } from './persistent-types.ts';

/** A write that has not been sent completely. */
export interface PersistentWrite {
  readonly data: Writable;
  readonly bytes: Bytes;
  /** The attempt whose connection accepted it, or in which it was dropped. Infinity while it is queued for a connection. */
  attempt: number;
  /** The offset of its end among all bytes written to that connection. */
  end?: number | undefined;
}

/** Number of pending bytes at which `blocked$` becomes true; the same as for a stream. */
const HIGH_WATER_MARK = 64 * 1024;

/** Queues writes in order until they have been sent, across connections. */
export class PersistentWrites {
  readonly blocked$: BehaviorSubject<boolean> = new BehaviorSubject(false);
  /** Total bytes of all unsent writes. */
  pending = 0;
  #writes: PersistentWrite[] = [];
  /** How many of the writes the current connection has accepted. */
  #written = 0;
  #core: Connection | undefined;
  #attempt = 0;
  readonly #limit: number;

  /** @param limit writes are rejected while this many bytes, or more, are pending. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get isBlocked(): boolean {
    return this.blocked$.value;
  }

  /** Queues a write, or returns the error if the queue is full. */
  accept(bytes: Bytes, data: Writable): PersistentWrite | IOStreamError {
    if (this.pending >= this.#limit) return outBufLimitReached(this.#limit, this.pending, bytes.length);
    const write: PersistentWrite = { data, bytes, attempt: bytes.length > 0 ? Infinity : this.#attempt };
    if (bytes.length === 0) return write;
    this.#writes.push(write);
    this.pending += bytes.length;
    this.#writeQueued();
    this.#emitBlocked();
    return write;
  }

  /** Writes the queue, and all later writes, to this connection. A second call has no effect. */
  attach(core: Connection, attempt: number): void {
    if (this.#core === core) return;
    this.#core = core;
    this.#attempt = attempt;
    core.writes.observe(this);
    this.#writeQueued();
  }

  /** Writes the whole queue to the connection before it is closed, even if it is blocked. */
  flush(): void {
    this.#writeQueued({ evenIfBlocked: true });
  }

  /** Called when bytes have been sent. */
  onSent(): void {
    this.#dropSent();
    this.#writeQueued();
    this.#emitBlocked();
  }

  /**
   * Handles the loss of the connection of this attempt. Returns the unsent writes. Writes of which no byte was written stay queued if
   * `keep` is true; all others are dropped.
   */
  detach(keep: boolean, attempt: number): UnsentWrite[] {
    this.#dropSent();
    const unsent = this.#writes.map((write) => this.#unsent(write, keep));
    this.#core = undefined;
    this.#written = 0;
    this.#writes = this.#writes.filter((write, at) => {
      const isKept = unsent[at]?.kept === true;
      write.end = undefined;
      write.attempt = isKept ? Infinity : attempt;
      return isKept;
    });
    this.pending = this.#writes.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#emitBlocked();
    return unsent;
  }

  #unsent({ data, bytes: { length }, end }: PersistentWrite, keep: boolean): UnsentWrite {
    const writes = this.#core?.writes;
    if (!writes || end === undefined) return { data, length, sent: 0, written: 0, kept: keep };
    const part = (position: number): number => Math.min(Math.max(0, position - (end - length)), length);
    const written = part(writes.accepted - writes.queue.length);
    return { data, length, sent: part(writes.sent), written, kept: keep && written === 0 };
  }

  #writeQueued({ evenIfBlocked = false } = {}): void {
    const core = this.#core;
    if (!core) return;
    for (let next = this.#writes[this.#written]; next && !core.isClosed; next = this.#writes[this.#written]) {
      if ((core.writes.blocked && !evenIfBlocked) || core.writes.accept(next.bytes)) return;
      next.end = core.writes.accepted;
      next.attempt = this.#attempt;
      this.#written += 1;
    }
  }

  #dropSent(): void {
    const writes = this.#core?.writes;
    if (!writes) return;
    let sent = 0;
    for (let first = this.#writes[0]; first?.end !== undefined && first.end <= writes.sent; first = this.#writes[sent]) {
      sent += 1;
      this.pending -= first.bytes.length;
    }
    if (sent === 0) return;
    this.#writes.splice(0, sent);
    this.#written -= sent;
  }

  #emitBlocked(): void {
    const blocked = this.isBlocked ? this.pending > HIGH_WATER_MARK / 2 : this.pending >= HIGH_WATER_MARK;
    if (blocked !== this.isBlocked) this.blocked$.next(blocked);
  }
}

function outBufLimitReached(limit: number, pending: number, length: number): IOStreamError {
  const message = `outBufLimit = ${limit} bytes reached: ${pending} bytes are pending, the write of ${length} bytes was rejected; wait for blocked$`;
  return new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
}
