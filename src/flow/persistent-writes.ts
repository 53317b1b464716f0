import { BehaviorSubject } from 'rxjs';
import type { Writable } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';

/** A write that had not been sent as a whole when its connection was lost. */
export interface UnsentWrite {
  /** The argument of `write`. */
  readonly data: Writable;
  /** Its bytes. */
  readonly length: number;
  /** How many of them have been sent for sure: the kernel has taken them. */
  readonly left: number;
  /** How many of them may have been sent: they were written to the wire. */
  readonly given: number;
  /** Whether it is written whole to the next connection. */
  readonly kept: boolean;
}

/** A write in the queue. */
export interface PersistentWrite {
  readonly data: Writable;
  readonly bytes: Buffer;
  /** The attempt whose connection took it, or in which it was dropped; Infinity while it waits for a connection. */
  attempt: number;
  /** The position behind it among all bytes written to that connection. */
  end?: number | undefined;
}

/** From this many pending bytes on a writer should wait; the same as of a stream. */
const MARK = 64 * 1024;

/** Writes that have not been sent, in order, across connections. */
export class PersistentWrites {
  readonly blocked$: BehaviorSubject<boolean> = new BehaviorSubject(false);
  /** Bytes of all the writes. */
  pending = 0;
  #writes: PersistentWrite[] = [];
  /** How many of them the present connection has taken. */
  #handed = 0;
  #core: Core | undefined;
  #attempt = 0;

  push(data: Writable, bytes: Buffer): PersistentWrite {
    const write: PersistentWrite = { data, bytes, attempt: bytes.length > 0 ? Infinity : this.#attempt };
    if (bytes.length === 0) return write;
    this.#writes.push(write);
    this.pending += bytes.length;
    this.#feed(false);
    this.#tellBlocked();
    return write;
  }

  /** There is a connection: it takes what waits, and what comes. A second call does nothing more. */
  attach(core: Core, attempt: number): void {
    if (this.#core === core) return;
    this.#core = core;
    this.#attempt = attempt;
    core.writes.wait(this);
    this.#feed(false);
  }

  /** Writes all there is to the connection, even if it is blocked: it is to be closed. */
  flush(): void {
    this.#feed(true);
  }

  /** Bytes have been sent. */
  left(): void {
    this.#prune();
    this.#feed(false);
    this.#tellBlocked();
  }

  /** The connection of this attempt is lost. Returns what had not been sent. What is kept is whole; all else is dropped. */
  detach(keep: boolean, attempt: number): UnsentWrite[] {
    this.#prune();
    const unsent = this.#writes.map((write) => this.#unsent(write, keep));
    this.#core = undefined;
    this.#handed = 0;
    this.#writes = this.#writes.filter((write, at) => {
      const isKept = unsent[at]?.kept === true;
      write.end = undefined;
      write.attempt = isKept ? Infinity : attempt;
      return isKept;
    });
    this.pending = this.#writes.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#tellBlocked();
    return unsent;
  }

  #unsent({ data, bytes: { length }, end }: PersistentWrite, keep: boolean): UnsentWrite {
    const writes = this.#core?.writes;
    if (!writes || end === undefined) return { data, length, left: 0, given: 0, kept: keep };
    const part = (position: number): number => Math.min(Math.max(0, position - (end - length)), length);
    const given = part(writes.accepted - writes.queue.length);
    return { data, length, left: part(writes.left), given, kept: keep && given === 0 };
  }

  #feed(all: boolean): void {
    const core = this.#core;
    if (!core) return;
    for (let next = this.#writes[this.#handed]; next && !core.isClosed; next = this.#writes[this.#handed]) {
      if ((core.writes.blocked && !all) || core.writes.accept(next.bytes)) return;
      next.end = core.writes.accepted;
      next.attempt = this.#attempt;
      this.#handed += 1;
    }
  }

  #prune(): void {
    const writes = this.#core?.writes;
    if (!writes) return;
    let sent = 0;
    for (let first = this.#writes[0]; first?.end !== undefined && first.end <= writes.left; first = this.#writes[sent]) {
      sent += 1;
      this.pending -= first.bytes.length;
    }
    if (sent === 0) return;
    this.#writes.splice(0, sent);
    this.#handed -= sent;
  }

  #tellBlocked(): void {
    const blocked = this.blocked$.value ? this.pending > MARK / 2 : this.pending >= MARK;
    if (blocked !== this.blocked$.value) this.blocked$.next(blocked);
  }
}
