/**
 * Queues and emits the output of one direction of a `transform`. Pieces keep their order, also when signals arrive from inside `next`.
 * While paused, it produces at most one piece ahead, because a chunk may expand to very many.
 */
export class TransformDirection<S> {
  /** While true, no piece is emitted. */
  paused = false;
  readonly #out: (signal: S) => void;
  readonly #queue: Generator<S, void>[] = [];
  /** A piece that was produced but not yet emitted. */
  #ahead: S | undefined;
  #running = false;
  #making = false;

  constructor(out: (signal: S) => void) {
    this.#out = out;
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
    if (this.#running) return false;
    this.#running = true;
    let next = this.#next();
    for (; next !== undefined && !this.paused; next = this.#next()) this.#out(next);
    this.#ahead = next;
    this.#running = false;
    return next === undefined;
  }

  /** Drops the queue and returns unfinished generators. */
  clear(): void {
    this.#ahead = undefined;
    const all = this.#queue.splice(0);
    // A generator that is running has called this itself or has thrown. `#next` returns it.
    for (const each of this.#making ? all.slice(1) : all) each.return();
  }

  #next(): S | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined) return ahead;
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      this.#making = true;
      const step = head.next();
      this.#making = false;
      if (head !== this.#queue[0]) head.return();
      else if (!step.done) return step.value;
      else this.#queue.shift();
    }
    return undefined;
  }
}
