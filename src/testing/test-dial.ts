import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { ownOptions } from '../util/own-options.ts';
import type { Dial, Target, Timeouts } from '../wire/signal.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';

/** The options of {@link testDial}. */
export interface TestDialOptions {
  /** The target. @default none: the wire already exists */
  readonly to?: Target | undefined;
  /** Timeouts in ms. @default those of IOStream: 30 s, establish 60 s, close 3 s, idle off */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** The scheduler of all timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** When `establish` times out, in ms on the scheduler's clock. @default now + `timeouts.establish` */
  readonly deadline?: number | undefined;
  /** The name of the layer, for errors. @default none */
  readonly layer?: string | undefined;
}

/**
 * Creates a complete `Dial` for tests that subscribe to a wire or a stack directly.
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
 *
 * @param options the fields that differ from their defaults.
 * @see {@link memoryPair}, {@link wirePeer}.
 */
export function testDial(options: TestDialOptions = {}): Dial {
  const own = ownOptions(options, 'testDial', ['to', 'timeouts', 'scheduler', 'deadline', 'layer']);
  const { to, scheduler = asyncScheduler, layer } = own;
  const timeouts = { ...TIMEOUTS, ...own.timeouts };
  const { deadline = scheduler.now() + timeouts.establish } = own;
  return { timeouts, deadline, scheduler, ...(to ? { to } : {}), ...(layer === undefined ? {} : { layer }) };
}
