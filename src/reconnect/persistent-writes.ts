import { BehaviorSubject } from 'rxjs';
import type { Writable } from '../stream/bytes.ts';
import type { Connection } from '../stream/connection.ts';

/** A write that had not been sent completely when its connection was lost. */
export interface UnsentWrite {
  /** The argument of `write`. */
  readonly data: Writable;
  /** The length in bytes. */
  readonly length: number;
  /** How many bytes have certainly been sent: the kernel has taken them. */
  readonly sent: number;
  /** How many bytes may have been sent: they were written to the wire. */
  readonly written: number;
  /** Whether it stays queued, to be written completely to the next connection. */
  readonly kept: boolean;
}

export interface PersistentWrite {
  readonly data: Writable;
  readonly bytes: Buffer;
  /** The attempt whose connection accepted it, or in which it was dropped. Infinity while it is queued for a connection. */
  attempt: number;
  /** The offset of its end among all bytes written to that connection. */
  end?: number | undefined;
}

/** Number of pending bytes at which `blocked$` becomes true; the same as for a stream. */
const MARK = 64 * 1024;

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

  push(data: Writable, bytes: Buffer): PersistentWrite {
    const write: PersistentWrite = { data, bytes, attempt: bytes.length > 0 ? Infinity : this.#attempt };
    if (bytes.length === 0) return write;
    this.#writes.push(write);
    this.pending += bytes.length;
    this.#feed(false);
    this.#emitBlocked();
    return write;
  }

  /** Writes the queue, and all later writes, to this connection. A second call has no effect. */
  attach(core: Connection, attempt: number): void {
    if (this.#core === core) return;
    this.#core = core;
    this.#attempt = attempt;
    core.writes.wait(this);
    this.#feed(false);
  }

  /** Writes the whole queue to the connection before it is closed, even if it is blocked. */
  flush(): void {
    this.#feed(true);
  }

  /** Called when bytes have been sent. */
  onSent(): void {
    this.#prune();
    this.#feed(false);
    this.#emitBlocked();
  }

  /**
   * Handles the loss of the connection of this attempt. Returns the unsent writes. Writes of which no byte was written stay queued if
   * `keep` is true; all others are dropped.
   */
  detach(keep: boolean, attempt: number): UnsentWrite[] {
    this.#prune();
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
    const given = part(writes.accepted - writes.queue.length);
    return { data, length, sent: part(writes.sent), written: given, kept: keep && given === 0 };
  }

  #feed(all: boolean): void {
    const core = this.#core;
    if (!core) return;
    for (let next = this.#writes[this.#written]; next && !core.isClosed; next = this.#writes[this.#written]) {
      if ((core.writes.blocked && !all) || core.writes.accept(next.bytes)) return;
      next.end = core.writes.accepted;
      next.attempt = this.#attempt;
      this.#written += 1;
    }
  }

  #prune(): void {
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
    const blocked = this.blocked$.value ? this.pending > MARK / 2 : this.pending >= MARK;
    if (blocked !== this.blocked$.value) this.blocked$.next(blocked);
  }
}
