import { ETOIDLE, IOStreamError } from '../errors.ts';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';
import type { ErrorPolicy } from './error-policy.ts';
import type { StreamSettings } from './settings.ts';

/** The inbound direction, as the idle timer sees it. */
interface Pausable {
  /** Whether the user or a slow reader has paused it: the peer may be unable to send. */
  readonly isPaused: boolean;
}

/** Reports ETOIDLE when no byte was received or sent for `timeouts.idle`, from connect to close. */
export class IdleTimer implements WatchdogTarget {
  readonly isWaiting = true;
  readonly #settings: StreamSettings;
  readonly #errors: ErrorPolicy;
  readonly #inbound: Pausable;
  readonly #watchdog: Watchdog;

  constructor(settings: StreamSettings, errors: ErrorPolicy, inbound: Pausable) {
    this.#settings = settings;
    this.#errors = errors;
    this.#inbound = inbound;
    this.#watchdog = new Watchdog(settings.scheduler, this);
    this.#watchdog.touch();
  }

  get limit(): number {
    return this.#settings.timeouts.idle;
  }

  /** Restarts the timeout: bytes were received or sent. */
  touch(): void {
    this.#watchdog.touch();
  }

  stop(): void {
    this.#watchdog.stop();
  }

  onTimeout(): void {
    if (this.#inbound.isPaused) {
      this.touch();
      return;
    }
    const message = `no bytes were received or sent for ${this.limit} ms (timeouts.idle)`;
    this.#errors.report(new IOStreamError(ETOIDLE, { phase: 'read', message }));
  }
}
