import { asapScheduler, type SchedulerAction, type SchedulerLike } from 'rxjs';

/**
 * So many ticks of a stream may follow each other before timers and sockets get their turn: a socket whose kernel takes all at
 * once answers in the same turn, and who writes on each SENT would keep the loop for himself.
 */
const FAIR = 256;

/** What has a {@link Pulse}. */
export interface Pulsing {
  readonly scheduler: SchedulerLike;
  /** Does what is due at the end of a tick. */
  beat(): void;
}

/** Calls its host once at the end of each tick in which anybody asked for it. */
export class Pulse {
  readonly #host: Pulsing;
  #due = false;
  /** Ticks since the event loop turned, as far as we know. */
  #beats = 0;

  constructor(host: Pulsing) {
    this.#host = host;
  }

  request(): void {
    if (this.#due) return;
    this.#due = true;
    this.#beats += 1;
    const { scheduler } = this.#host;
    if (this.#beats === FAIR) scheduler.schedule(Pulse.#onTurn, 0, this);
    (this.#beats < 2 * FAIR ? asapScheduler : scheduler).schedule(Pulse.#onTick, 0, this);
  }

  static #onTick(this: SchedulerAction<Pulse>, pulse?: Pulse): void {
    if (!pulse) return;
    pulse.#due = false;
    pulse.#host.beat();
  }

  static #onTurn(this: SchedulerAction<Pulse>, pulse?: Pulse): void {
    if (pulse) pulse.#beats = 0;
  }
}
