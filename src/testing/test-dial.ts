import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { ownOptions } from '../wire/own-options.ts';
import type { Dial, Target, Timeouts } from '../wire/signal.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';

/** What a {@link testDial} shall be other than the default. */
export interface TestDialOptions {
  /** @default none: the wire is there already */
  readonly to?: Target | undefined;
  /** In milliseconds. @default those of IOStream: 30 s, establish 60 s, close 3 s, idle off */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Where all timers run. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** The end of `establish` on the scheduler's clock. @default now and `timeouts.establish` */
  readonly deadline?: number | undefined;
  /** @default none */
  readonly layer?: string | undefined;
}

/**
 * Makes a complete `Dial`, for tests that subscribe a wire or a stack themselves.
 *
 * ```ts
 * import { of } from 'rxjs';
 * import { passthrough, stack } from 'rxjs-io-stream';
 * import { memoryPair, testDial } from 'rxjs-io-stream/testing';
 *
 * const [a, b] = memoryPair();
 * of({ kind: 'data', bytes: Uint8Array.of(1) } as const).pipe(stack({ noop: passthrough() }, a)(testDial())).subscribe();
 * of({ kind: 'end' } as const).pipe(b(testDial())).subscribe((signal) => console.log(signal.kind)); // connected, data, end
 * ```
 */
export function testDial(options: TestDialOptions = {}): Dial {
  const given = ownOptions(options, 'testDial', ['to', 'timeouts', 'scheduler', 'deadline', 'layer']);
  const { to, scheduler = asyncScheduler, layer } = given;
  const timeouts = { ...TIMEOUTS, ...given.timeouts };
  const { deadline = scheduler.now() + timeouts.establish } = given;
  return { timeouts, deadline, scheduler, ...(to ? { to } : {}), ...(layer === undefined ? {} : { layer }) };
}
