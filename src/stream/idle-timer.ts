import { ETOIDLE, IOStreamError } from '../errors.ts';
import { Watchdog } from '../util/watchdog.ts';
import type { ErrorPolicy } from './error-policy.ts';
import type { StreamSettings } from './settings.ts';

/** The inbound direction, as the idle timer sees it. */
interface Pausable {
  /** Whether the user or a slow reader has paused it: the peer may be unable to send. */
  readonly isPaused: boolean;
}

/** Starts what reports ETOIDLE when no byte was received or sent for `timeouts.idle`, unless reading is paused. */
export function idleTimer({ scheduler, timeouts }: StreamSettings, errors: ErrorPolicy, reads: Pausable): Watchdog {
  const limit = timeouts.idle;
  const onTimeout = (): void => {
    const message = `no bytes were received or sent for ${limit} ms (timeouts.idle)`;
    if (reads.isPaused) timer.touch();
    else errors.report(new IOStreamError(ETOIDLE, { phase: 'read', message }));
  };
  const timer = new Watchdog(scheduler, { limit, isWaiting: true, onTimeout });
  timer.touch();
  return timer;
}
