import { Writable } from 'node:stream';

/** Runs `work` in Node's next tick: after the caller has returned, before any I/O. If it throws, that is an uncaught exception. */
export function nextTick(work: () => void): void {
  new Writable({
    // Node calls `construct` in the next tick.
    construct: (done) => {
      work();
      done();
    },
  });
}
