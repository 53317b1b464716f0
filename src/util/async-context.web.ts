/** Runs callbacks. Browsers have no async context: see `async-context.ts` for Node. */
export class AsyncContext {
  /** Calls `work` with `self` as `this` and the arguments. */
  runInAsyncScope<T, A extends unknown[]>(work: (this: T, ...args: A) => void, self: T, ...args: A): void {
    work.apply(self, args);
  }

  /** Calls `work` with `self` as `this` and one argument. */
  run<T, A>(work: (this: T, argument: A) => void, self: T, argument: A): void {
    work.call(self, argument);
  }
}
