import { asyncScheduler } from 'rxjs';
import { withoutWatching } from './global-timers.ts';

/** Waits for one turn of the event loop, or for `ms` of real time. */
export function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => withoutWatching(() => asyncScheduler.schedule(() => resolve(), ms)));
}

/** The options of {@link until}. */
export interface UntilOptions {
  /** Maximum wait in real ms. */
  readonly timeout: number;
  /** Called at each turn, for example to advance virtual time. */
  readonly onTurn?: (() => void) | undefined;
}

/** Minimum number of looks, in 50 turns of the event loop: a stall of the process may be longer than the timeout. */
const MIN_ROUNDS = 400;

/** Waits until `passes` returns true; resolves to false after a timeout. */
export async function until(passes: () => boolean, { timeout, onTurn }: UntilOptions): Promise<boolean> {
  const end = asyncScheduler.now() + timeout;
  for (let round = 0; !passes(); round += 1) {
    if (round > MIN_ROUNDS && asyncScheduler.now() > end) return false;
    // asapScheduler needs only a few microtasks; slower events need a turn of the event loop.
    if (round % 8 === 7) await turn();
    else await Promise.resolve();
    onTurn?.();
  }
  return true;
}
