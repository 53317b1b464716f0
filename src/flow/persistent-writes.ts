import { BehaviorSubject } from 'rxjs';
import type { Writable } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';

/** A write that had not left when its connection was lost. */
export interface UnsentWrite {
  /** As it was given to `write`. */
  readonly data: Writable;
  /** How many bytes it has. */
  readonly length: number;
  /** So many of them have left for the kernel, for sure. */
  readonly left: number;
  /** So many may have left: they were given down. */
  readonly given: number;
  /** It is written whole to the next connection. */
  readonly kept: boolean;
}

interface Entry {
  readonly data: Writable;
  readonly bytes: Buffer;
  /** The position behind it among all that was written to the present connection, if it was. */
  end?: number | undefined;
}

/** From here on a writer should wait; the same as of a stream. */
const MARK = 64 * 1024;

/** Writes that have not left, in order, across connections. */
export class PersistentWrites {
  readonly blocked$: BehaviorSubject<boolean> = new BehaviorSubject(false);
  /** Bytes in all of the entries. */
  pending = 0;
  #entries: Entry[] = [];
  /** How many of them the present connection has taken. */
  #handed = 0;
  #core: Core | undefined;

  push(data: Writable, bytes: Buffer): void {
    this.#entries.push({ data, bytes });
    this.pending += bytes.length;
    this.#feed(false);
    this.#tellBlocked();
  }

  /** There is a connection: it gets what waits, and what will come. A second time nothing more happens. */
  attach(core: Core): void {
    if (this.#core === core) return;
    this.#core = core;
    core.writes.wait(this);
    this.#feed(false);
  }

  /** Gives the connection all there is, also more than it likes: it is to be closed. */
  flush(): void {
    this.#feed(true);
  }

  /** Some of it has left. */
  left(): void {
    this.#prune();
    this.#feed(false);
    this.#tellBlocked();
  }

  /** The connection is gone: tells what had not left. What may be kept is whole and stays; nothing else does. */
  detach(keep: boolean): UnsentWrite[] {
    this.#prune();
    const unsent = this.#entries.map((entry) => this.#unsent(entry, keep));
    this.#core = undefined;
    this.#handed = 0;
    this.#entries = this.#entries.filter((entry, at) => {
      entry.end = undefined;
      return unsent[at]?.kept;
    });
    this.pending = this.#entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#tellBlocked();
    return unsent;
  }

  #unsent({ data, bytes: { length }, end }: Entry, keep: boolean): UnsentWrite {
    const writes = this.#core?.writes;
    if (!writes || end === undefined) return { data, length, left: 0, given: 0, kept: keep };
    const part = (position: number): number => Math.min(Math.max(0, position - (end - length)), length);
    const given = part(writes.accepted - writes.queue.length);
    return { data, length, left: part(writes.left), given, kept: keep && given === 0 };
  }

  #feed(all: boolean): void {
    const core = this.#core;
    if (!core) return;
    for (let next = this.#entries[this.#handed]; next && !core.isClosed; next = this.#entries[this.#handed]) {
      if ((core.writes.blocked && !all) || core.writes.accept(next.bytes)) return;
      next.end = core.writes.accepted;
      this.#handed += 1;
    }
  }

  #prune(): void {
    const writes = this.#core?.writes;
    if (!writes) return;
    let gone = 0;
    for (let first = this.#entries[0]; first?.end !== undefined && first.end <= writes.left; first = this.#entries[gone]) {
      gone += 1;
      this.pending -= first.bytes.length;
    }
    if (gone === 0) return;
    this.#entries.splice(0, gone);
    this.#handed -= gone;
  }

  #tellBlocked(): void {
    const blocked = this.blocked$.value ? this.pending > MARK / 2 : this.pending >= MARK;
    if (blocked !== this.blocked$.value) this.blocked$.next(blocked);
  }
}
