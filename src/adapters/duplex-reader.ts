import type { PullReader } from '../stream/pull-reader.ts';
import type { ReadEnd } from '../stream/read-end.ts';
import type { ReadSide } from '../stream/read-side.ts';

/** The Duplex of a {@link DuplexReader}. */
export interface ReadTarget {
  /** Pushes a chunk. Returns false if the library must read before the next one is pushed. */
  next(chunk: Buffer): boolean;
  error(error: unknown): void;
  complete(): void;
}

/** Reads a stream for a Duplex: one chunk each time that the library wants more. */
export class DuplexReader implements PullReader {
  readonly #reads: ReadSide;
  readonly #target: ReadTarget;
  /** The library wants more bytes. */
  #isWanted = true;
  #isPushing = false;
  /** Undefined when the stream has ended for the library, or reading was stopped. */
  #detach: (() => void) | undefined;

  constructor(reads: ReadSide, target: ReadTarget) {
    this.#reads = reads;
    this.#target = target;
    this.#detach = reads.attach(this);
    if (!this.#detach) target.error(new TypeError('expected the stream of toDuplex to have no consume() or iteration, got one that has'));
  }

  /** Whether the library has received the end or an error, or reading was stopped. */
  get isDone(): boolean {
    return this.#detach === undefined;
  }

  /** Called when the library wants more bytes. */
  read(): void {
    this.#isWanted = true;
    this.ready();
  }

  /** A loop, not recursion: the library may read from inside `push`. */
  ready(): void {
    if (this.#isPushing) return;
    this.#isPushing = true;
    try {
      while (this.#detach && this.#isWanted && this.#pushNext());
    } catch (error) {
      this.#end({ error }); // Thrown by a 'data' listener.
    } finally {
      this.#isPushing = false;
    }
  }

  /** Stops reading. The bytes and the end that remain are not pushed. */
  stop(): void {
    const detach = this.#detach;
    this.#detach = undefined;
    detach?.();
  }

  /** Pushes the next chunk, or the end. Returns whether there may be more. */
  #pushNext(): boolean {
    const chunk = this.#reads.pull();
    if (!chunk) {
      const end = this.#reads.takeEnd();
      if (end) this.#end(end);
      return false;
    }
    // Assigned before `next`, which may call `read`.
    this.#isWanted = false;
    if (this.#target.next(chunk)) this.#isWanted = true;
    return true;
  }

  #end(end: ReadEnd): void {
    this.stop();
    if ('error' in end) this.#target.error(end.error);
    else if (!end.unsubscribed) this.#target.complete();
  }
}
