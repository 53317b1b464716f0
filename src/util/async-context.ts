import { AsyncResource } from 'node:async_hooks';

/** Captures the async context (`AsyncLocalStorage`) of its creation, and runs callbacks in it later. */
export class AsyncContext extends AsyncResource {
  constructor() {
    super('IOStream');
  }

  /** Calls `work` with `self` as `this` and one argument. */
  run<T, A>(work: (this: T, argument: A) => void, self: T, argument: A): void {
    this.runInAsyncScope(work, self, argument);
  }
}
