import { Subscription, type SchedulerLike } from 'rxjs';
import { after } from '../util/timer.ts';

/** How often a period is divided by looks. */
const LOOKS = 4;

/** The traffic that {@link whenQuiet} watches. */
export interface Traffic {
  /** Returns a number of bytes, which is another one after each traffic. */
  readonly bytes: () => number;
  /** Whether the silence has a reason that is not the peer's, or the connection is in use. */
  readonly isBusy: () => boolean;
}

/**
 * Calls `onQuiet` once, when there was no traffic for `limit` milliseconds, or up to a quarter longer.
 *
 * Looks at a counter four times in each period, instead of being called for each chunk: bulk data costs nothing.
 */
export function whenQuiet(limit: number, scheduler: SchedulerLike, { bytes, isBusy }: Traffic, onQuiet: () => void): Subscription {
  const watch = new Subscription();
  if (limit === Infinity) return watch;
  let seen = bytes();
  let quietLooks = 0;
  let timer = Subscription.EMPTY;
  const look = (): void => {
    const now = bytes();
    quietLooks = now !== seen || isBusy() ? 0 : quietLooks + 1;
    seen = now;
    if (quietLooks < LOOKS) wait();
    else onQuiet();
  };
  // Unreferenced: the watched connection keeps the process alive, if anything should.
  const wait = (): void => {
    timer = after(limit / LOOKS, scheduler, look, { unref: true });
  };
  wait();
  watch.add(() => timer.unsubscribe());
  return watch;
}
