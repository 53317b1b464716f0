import type { Duplex } from 'node:stream';
import type { Subscription } from 'rxjs';
import { drop } from '../stream/drop.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { nextTurn } from '../util/next-turn.ts';
import { closeAtOnce } from './close-at-once.ts';
import { nextTick } from './next-tick.ts';
import { nodeError } from './node-error.ts';
import { systemError } from './system-error.ts';

/** The callback of `_write`, `_writev` and `_destroy`. */
export type Done = (error?: Error | null) => void;

/** Turns of the event loop to wait for a flush. Node's TLS needs up to three for a short write: one for its records, two for the write. */
const FLUSH_TURNS = 4;

/** Writes to a stream for a Duplex, and frees the stream when the Duplex is destroyed. */
export class DuplexWriter {
  readonly #io: IOStream;
  readonly #duplex: Duplex;
  /** Called when bytes are written or sent. */
  readonly #touch: () => void;
  #sending: Subscription | undefined;
  /** The callback of the write that is being sent. */
  #done: Done | undefined;

  constructor(io: IOStream, duplex: Duplex, touch: () => void) {
    this.#io = io;
    this.#duplex = duplex;
    this.#touch = touch;
  }

  /** Sends the chunks, and calls back when all their bytes are sent. */
  write(chunks: readonly Buffer[], done: Done): void {
    this.#touch();
    this.#done = done;
    this.#sending = this.#io.send(chunks).subscribe({
      next: this.#touch,
      error: (error: unknown) => this.#callBack(nodeError(error)),
      complete: () => this.#callBack(),
    });
  }

  end(): void {
    if (!internalsOf(this.#io).isClosed) this.#io.end();
  }

  /** Frees the stream, then calls `done`. Without an error, flushes first: `write('bye'); destroy()` sends, as in Node's sockets. */
  destroy(error: Error | null, done: Done): void {
    if (error || this.#io.state !== 'open' || !this.#isUnsent) this.#free(error, done);
    else this.#flush(() => this.#free(null, done));
  }

  /** Calls `done` when the kernel has taken all written bytes, or after a few turns. */
  #flush(done: () => void): void {
    const connection = internalsOf(this.#io);
    const look = (turns: number): void => {
      if (turns === 0 || !this.#isUnsent) done();
      else connection.settings.scheduler.schedule(() => look(turns - 1));
    };
    nextTick(() => {
      connection.flush();
      // A socket reports a completed write one tick later.
      nextTick(() => look(FLUSH_TURNS));
    });
  }

  /** Cancels the write. Its callback is called too: before 'close', and after the 'error' that the library destroys with. */
  #free(error: Error | null, done: Done): void {
    this.#sending?.unsubscribe();
    this.#freeConnection(error);
    if (!error) nextTick(() => this.#callBack(systemError('ECANCELED', 'write')));
    // In a later turn, as in Node's sockets: a TLS socket on top must react before 'close'.
    nextTurn(() => {
      done(error);
      if (error && this.#done) nextTurn(() => this.#callBack(error));
    });
  }

  /** Does nothing if the stream is already closing or closed. */
  #freeConnection(error: Error | null): void {
    const connection = internalsOf(this.#io);
    if (!connection.lifetime.isOpen) return;
    if (error || this.#isUnsent) this.#io.reset();
    else if (this.#duplex.writableFinished) closeAtOnce(this.#io);
    else drop(connection);
  }

  get #isUnsent(): boolean {
    return this.#duplex.writableLength > 0 || internalsOf(this.#io).writes.pending > 0;
  }

  #callBack(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}
