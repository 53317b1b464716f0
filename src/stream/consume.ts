import { Observable, type ObservableInput } from 'rxjs';
import { checkOptions, type Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount } from '../util/value-tests.ts';
import { ActiveHandlers } from './active-handlers.ts';
import type { Bytes } from './bytes.ts';
import { endReader } from './read-end.ts';
import type { ReadSide } from './read-side.ts';

/** The options of `consume`. */
export interface ConsumeOptions {
  /** Maximum number of chunks handled at the same time. @default 1 */
  readonly concurrency?: number | undefined;
}

const RULES: Rules = { concurrency: ['a whole number, 1 or more', (value) => isCount(value) && value > 0] };

/** Checks the options of `consume`, and returns the concurrency. */
export function concurrencyOf(options: ConsumeOptions = {}): number {
  return checkOptions(options, { caller: 'consume', rules: RULES, show: describeValue }).concurrency ?? 1;
}

/** Implements `IOStream.consume`. */
export function consume<T>(reads: ReadSide, handle: (chunk: Bytes) => ObservableInput<T>, options?: ConsumeOptions): Observable<T> {
  const concurrency = concurrencyOf(options);
  return new Observable((out) => {
    let isPulling = false;
    // A loop, not recursion: handlers that complete synchronously do not deepen the stack.
    const ready = (): void => {
      if (isPulling) return;
      isPulling = true;
      while (!handlers.isFull && !out.closed) {
        const chunk = reads.pull();
        if (!chunk) break;
        handlers.start(chunk);
      }
      isPulling = false;
      const end = handlers.isIdle || reads.end?.unsubscribed ? reads.takeEnd() : undefined;
      if (end) endReader(out, end);
    };
    const handlers = new ActiveHandlers(out, handle, concurrency, ready);
    const detach = reads.attach({ ready });
    if (detach) out.add(detach);
    else out.error(secondReader());
  });
}

/** Creates the error for a second `consume` or iteration while the first is active. */
export function secondReader(): TypeError {
  return new TypeError('expected one consume() or iteration of a stream at a time, got a second one; unsubscribe the first, or share it');
}
