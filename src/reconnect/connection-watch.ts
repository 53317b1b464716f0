import { Subscription, type SchedulerLike } from 'rxjs';
import { ETOIDLE, IOStreamError } from '../errors.ts';
import type { Connection } from '../stream/connection.ts';
import { drop } from '../stream/drop.ts';
import { whenQuiet } from './when-quiet.ts';

/** The checked limits of a connection's silence, in milliseconds; Infinity for none. */
export interface WatchPlan {
  readonly idleClose: number;
  readonly maxSilence: number;
  readonly scheduler: SchedulerLike;
}

/** What a {@link ConnectionWatch} needs of the persistent stream. */
export interface WatchTarget {
  /** Whether the connection is in use although it carries no bytes. */
  isInUse(): boolean;
  /** Called when the connection is about to be closed because it is idle. */
  onIdle(): void;
}

/**
 * Watches the traffic of one connection. Ends it when it is idle, and fails it when the peer is silent.
 *
 * ```text
 *   last byte ── idleClose ── our FIN ── inbound bytes still arrive ── the peer's FIN ── closed
 *                                             └── none for `timeouts.close` ── closed
 * ```
 */
export class ConnectionWatch {
  /** Whether the connection is being closed because it was idle: it accepts no writes any more. */
  isEnding = false;
  readonly #core: Connection;
  readonly #scheduler: SchedulerLike;
  readonly #target: WatchTarget;
  #watching = new Subscription();

  constructor(core: Connection, { idleClose, maxSilence, scheduler }: WatchPlan, target: WatchTarget) {
    const { lifetime, reads, writes, io } = core;
    this.#core = core;
    this.#scheduler = scheduler;
    this.#target = target;
    // Unread bytes stop the peer in the end: its silence is our own.
    const isHeld = (): boolean => reads.isPaused || reads.buffer.length > 0;
    const isBusy = (): boolean => isHeld() || writes.pending > 0 || core.sendCount > 0 || target.isInUse();
    this.#watching.add(whenQuiet(idleClose, scheduler, { bytes: this.#bytes, isBusy }, () => this.#end()));
    const inbound = { bytes: () => lifetime.bytesIn, isBusy: () => io.isEof || isHeld() };
    this.#watching.add(whenQuiet(maxSilence, scheduler, inbound, () => core.errors.report(silent(maxSilence))));
  }

  stop(): void {
    this.#watching.unsubscribe();
  }

  /** Ends our direction. Bytes that the peer has sent meanwhile still reach the readers. */
  #end(): void {
    const { lifetime, reads, writes, settings } = this.#core;
    if (!lifetime.isActive) return;
    this.stop();
    this.isEnding = true;
    this.#target.onIdle();
    if (!writes.ended) writes.end();
    const traffic = { bytes: this.#bytes, isBusy: () => reads.isPaused };
    this.#watching = whenQuiet(settings.timeouts.close, this.#scheduler, traffic, () => drop(this.#core));
  }

  readonly #bytes = (): number => this.#core.lifetime.bytesIn + this.#core.writes.sent;
}

function silent(limit: number): IOStreamError {
  const message = `no bytes were received for ${limit} ms (maxSilence of persistent)`;
  return new IOStreamError(ETOIDLE, { phase: 'read', message });
}
