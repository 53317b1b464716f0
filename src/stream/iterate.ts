import { nextTurn } from '../util/next-turn.ts';
import type { Bytes } from './bytes.ts';
import { secondReader } from './consume.ts';
import type { ReadSide } from './read-side.ts';

/**
 * Implements `IOStream[Symbol.asyncIterator]`: pulls, so that reading pauses while the loop's body runs. Claims the stream at the
 * first `next()`.
 */
export function iterate(reads: ReadSide): AsyncIterableIterator<Bytes> {
  /** Pending calls of `next`; there may be several. */
  let waiting: (() => void)[] = [];
  let done = false;
  let detach: (() => void) | undefined;
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const each of woken) each();
  };
  const finish = (): IteratorReturnResult<undefined> => {
    done = true;
    detach?.();
    wake();
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (;;) {
        if (done) return { done: true, value: undefined };
        detach ??= reads.attach({ ready: wake, hasEnded: () => done });
        if (!detach) throw secondReader();
        const chunk = reads.pull();
        if (chunk) return { done: false, value: chunk };
        const end = reads.takeEnd();
        if (end?.unsubscribed) return new Promise<never>(() => undefined);
        if (end && 'error' in end) {
          done = true;
          wake();
          nextTurn(() => detach?.()); // The loop receives the error some microtasks later; `connect` must error after that.
          throw end.error;
        }
        if (end) return finish();
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      }
    },
    return: () => Promise.resolve(finish()),
  };
}
