import { Writable } from 'node:stream';

/** Runs `work` in the next tick of Node: after its caller has returned, before any I/O. What it throws is an uncaught exception. */
export function nextTick(work: () => void): void {
  new Writable({
    // Node calls this in the next tick.
    construct: (done) => {
      work();
      done();
    },
  });
}
