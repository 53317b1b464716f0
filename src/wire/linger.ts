import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { SchedulerLike } from 'rxjs';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';

/**
 * Limits the time between our close and the end of the connection. Gives up after `limit` ms without progress.
 *
 * Its timer does not keep the process alive. Unsent bytes do so by themselves, and waiting for the peer's FIN must not.
 */
export class Linger implements WatchdogTarget {
  readonly isWaiting = true;
  readonly limit: number;
  readonly onTimeout: () => void;
  readonly #watchdog: Watchdog;

  constructor(limit: number, scheduler: SchedulerLike, onTimeout: () => void) {
    this.limit = limit;
    this.onTimeout = onTimeout;
    this.#watchdog = new Watchdog(scheduler, this);
    this.#watchdog.touch();
  }

  /** Records progress: bytes were sent. */
  touch(): void {
    this.#watchdog.touch();
  }

  /**
   * Starts to wait for the peer's FIN after our FIN was sent. Input of a socket is read and dropped until then: closing a socket
   * with unread input makes Linux send RST, and the peer would lose our last bytes. Other streams close at once.
   */
  awaitFin(socket: Readable & Partial<Pick<Socket, 'unref'>>): void {
    socket.unref?.();
    this.#watchdog.touch();
  }

  stop(): void {
    this.#watchdog.stop();
  }
}
