/**
 * Queues and emits the output of one direction of a `transform`. Pieces keep their order, also when signals arrive from inside `next`.
 * While paused, it produces at most one piece ahead, because a chunk may expand to very many.
 */
export class TransformDirection<S> {
  /** While true, no piece is emitted. */
  isPaused = false;
  readonly #emit: (signal: S) => void;
  readonly #queue: Generator<S, void>[] = [];
  /** A piece that was produced but not yet emitted. */
  #ahead: S | undefined;
  #isRunning = false;
  #isProducing = false;

  constructor(out: (signal: S) => void) {
    this.#emit = out;
  }

  get isEmpty(): boolean {
    return this.#ahead === undefined && this.#queue.length === 0;
  }

  push(pieces: Generator<S, void>): void {
    this.#queue.push(pieces);
  }

  /**
   * Emits pieces until paused or empty. Returns whether the queue is empty. A call from inside `next` returns false: the outer call
   * continues with the queue.
   */
  run(): boolean {
    if (this.#isRunning) return false;
    this.#isRunning = true;
    let next = this.#next();
    for (; next !== undefined && !this.isPaused; next = this.#next()) this.#emit(next);
    this.#ahead = next;
    this.#isRunning = false;
    return next === undefined;
  }

  /** Drops the queue and returns unfinished generators. */
  clear(): void {
    this.#ahead = undefined;
    const all = this.#queue.splice(0);
    // A generator that is running has called this itself or has thrown. `#next` returns it.
    for (const each of this.#isProducing ? all.slice(1) : all) each.return();
  }

  #next(): S | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined) return ahead;
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      this.#isProducing = true;
      const step = head.next();
      this.#isProducing = false;
      if (head !== this.#queue[0]) head.return();
      else if (!step.done) return step.value;
      else this.#queue.shift();
    }
    return undefined;
  }
}
