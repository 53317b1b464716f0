import { AsyncResource } from 'node:async_hooks';

/** Captures the async context (`AsyncLocalStorage`) of its creation, and runs callbacks in it later. */
export class AsyncContext extends AsyncResource {
  constructor() {
    super('IOStream');
  }

  /** Captures the context of the caller instead. */
  capture(): void {
    const current = new AsyncResource('IOStream');
    this.runInAsyncScope = current.runInAsyncScope.bind(current);
  }

  /** Calls `work` with `self` as `this` and one argument. */
  run<T, A>(work: (this: T, argument: A) => void, self: T, argument: A): void {
    this.runInAsyncScope(work, self, argument);
  }
}
