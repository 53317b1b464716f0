import { defer, Observable, type ObservableInput } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { ownOptions } from '../util/own-options.ts';
import { nextTurn } from '../util/next-turn.ts';
import { describeValue } from '../util/describe.ts';
import { endReader, type ReadSide } from './read-side.ts';

const TAKEN =
  'expected one consume() or iteration of a stream at a time, got a second one while the first is active; unsubscribe the first, or share it';

/** The options of `consume`. */
export interface ConsumeOptions {
  /** Maximum number of chunks handled at the same time. @default 1 */
  readonly concurrency?: number | undefined;
}

/** Checks the options of `consume`, and returns the concurrency. */
export function concurrencyOf(options: ConsumeOptions = {}): number {
  const { concurrency = 1 } = ownOptions(options, 'consume', ['concurrency']);
  if (Number.isSafeInteger(concurrency) && concurrency > 0) return concurrency;
  throw new TypeError(`expected \`concurrency\` to be a whole number, 1 or more, got ${describeValue(concurrency)}`);
}

/** Implements `IOStream.consume`. */
export function consume<T>(reads: ReadSide, handle: (chunk: Buffer) => ObservableInput<T>, options?: ConsumeOptions): Observable<T> {
  const concurrency = concurrencyOf(options);
  return new Observable((out) => {
    let active = 0;
    let pulling = false;
    // A loop, not recursion: handlers that complete synchronously do not deepen the stack.
    const ready = (): void => {
      if (pulling) return;
      pulling = true;
      while (active < concurrency && !out.closed) {
        const chunk = reads.pull();
        if (chunk) work(chunk);
        else break;
      }
      pulling = false;
      const end = active > 0 && !reads.end?.unsubscribed ? undefined : reads.takeEnd();
      if (end) endReader(out, end);
    };
    const work = (chunk: Buffer): void => {
      active += 1;
      const fail = (error: unknown): void => out.error(error);
      const done = (): void => {
        active -= 1;
        ready();
      };
      const inner = guardedSubscriber<T>({ next: (value) => out.next(value), error: fail, complete: done, caught: fail });
      out.add(inner);
      defer(() => handle(chunk)).subscribe(inner);
    };
    const detach = reads.attach({ ready });
    if (!detach) {
      out.error(new TypeError(TAKEN));
      return;
    }
    out.add(detach);
  });
}

/**
 * Implements `IOStream[Symbol.asyncIterator]`: pulls, so that reading pauses while the loop's body runs. Claims the stream at the
 * first `next()`.
 */
export function iterate(reads: ReadSide): AsyncIterableIterator<Buffer> {
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
        if (!detach) throw new TypeError(TAKEN);
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
