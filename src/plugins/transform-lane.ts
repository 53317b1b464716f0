/**
 * One direction of a `transform`: what is made of each signal goes on piece by piece, in order, whatever comes from inside
 * `next`. Made no further ahead than by one piece while it is paused: a chunk may become very many.
 */
export class TransformLane<S> {
  /** Nothing goes on. */
  paused = false;
  readonly #out: (signal: S) => void;
  readonly #queue: Generator<S, void>[] = [];
  /** What was made and may not go on yet. */
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

  /** Lets go on what may; returns whether that was all. From inside `next` it is false: who gave that goes on with it. */
  run(): boolean {
    if (this.#running) return false;
    this.#running = true;
    let next = this.#next();
    for (; next !== undefined && !this.paused; next = this.#next()) this.#out(next);
    this.#ahead = next;
    this.#running = false;
    return next === undefined;
  }

  /** Forgets what it holds. Generators that were left half way are told. */
  clear(): void {
    this.#ahead = undefined;
    const all = this.#queue.splice(0);
    // The one that is at work has called this itself, or has thrown: `#next` tells it.
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
