import { randomUUID } from 'node:crypto';
import { Subscription } from 'rxjs';
import { diagnostics } from '../diagnostics/diagnostics.ts';
import type { DiagnosticsMessages as Messages } from '../diagnostics/messages.ts';
import { realTime } from '../util/real-time.ts';
import { after } from '../util/timer.ts';
import type { Settings } from './inspect-options.ts';
import { InspectedConnection, MAX_SAMPLES, type ConnectionState, type ShownError } from './inspected-connection.ts';
import { Recordings, type RecordingState } from './recordings.ts';

/** Number of errors kept of all connections together. */
const MAX_ERRORS = 50;

/** What the page shows. Times are ms since the epoch. */
export interface InspectionState {
  readonly pid: number;
  /** Differs for each subscription. */
  readonly page: string;
  readonly now: number;
  readonly interval: number;
  /** The number of the last sample, and how many of them the page keeps. */
  readonly tick: number;
  readonly maxSamples: number;
  /** Number of connections that are open, and of those among them that are not shown because of `maxConnections`. */
  readonly open: number;
  readonly hidden: number;
  readonly connections: readonly (ConnectionState & { readonly recording: RecordingState | undefined })[];
  readonly errors: readonly ShownError[];
}

/**
 * Follows all connections of the process through the diagnostics channels, and samples the open ones.
 *
 * ```text
 *   rxjs-io-stream:connection:* ──▶ Inspection ── sample, every `interval` ──▶ the streams
 *                                     └ InspectedConnection (at most maxConnections)
 * ```
 */
export class Inspection extends Subscription {
  readonly recordings: Recordings;
  readonly #settings: Settings;
  readonly #connections = new Map<number, InspectedConnection>();
  readonly #errors: ShownError[] = [];
  readonly #page = randomUUID();
  /** The number of the first connection that was dialled after the subscription. */
  #firstId = Infinity;
  #hidden = 0;
  #tick = 0;
  #sampled = realTime.now();

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
    this.recordings = new Recordings(settings);
    this.add(this.recordings);
    this.#on('connection:dial', (message) => this.#dialled(message));
    this.#on('connection:resolved', (message) => this.#of(message)?.resolved(message, realTime.now()));
    this.#on('connection:attempt', (message) => this.#of(message)?.attempt(message, realTime.now()));
    this.#on('connection:handshake', (message) => this.#of(message)?.handshake(message, realTime.now()));
    this.#on('connection:connected', (message) => this.#of(message)?.opened(message, realTime.now()));
    this.#on('connection:pause', (message) => this.#of(message)?.pause(message.direction, realTime.now()));
    this.#on('connection:resume', (message) => this.#of(message)?.resume(message.direction, realTime.now()));
    this.#on('connection:error', (message) => this.#failed(message));
    this.#on('connection:closed', (message) => this.#closed(message));
    this.#wait();
  }

  /** Finds a connection by its number. */
  find(id: number): InspectedConnection | undefined {
    return this.#connections.get(id);
  }

  /** Returns what the page shows. @param since the number of the last sample that the page has. */
  stateSince(since: number): InspectionState {
    const connections = [...this.#connections.values()];
    return {
      pid: process.pid,
      page: this.#page,
      now: realTime.now(),
      interval: this.#settings.interval,
      tick: this.#tick,
      maxSamples: MAX_SAMPLES,
      open: connections.filter(({ isClosed }) => !isClosed).length + this.#hidden,
      hidden: this.#hidden,
      connections: connections.map((each) => ({ ...each.stateSince(since), recording: this.recordings.stateOf(each.id) })),
      errors: this.#errors,
    };
  }

  #on<Name extends keyof Messages>(name: Name, handle: (message: Messages[Name]) => void): void {
    this.add(diagnostics(name).subscribe(handle));
  }

  #of({ id }: { readonly id: number }): InspectedConnection | undefined {
    return this.#connections.get(id);
  }

  #dialled(message: Messages['connection:dial']): void {
    this.#firstId = Math.min(this.#firstId, message.id);
    if (this.#connections.size >= this.#settings.maxConnections && !this.#makeRoom()) this.#hidden += 1;
    else this.#connections.set(message.id, new InspectedConnection(message, realTime.now()));
  }

  /** Removes the oldest closed connection. Returns whether there was one. */
  #makeRoom(): boolean {
    for (const [id, { isClosed }] of this.#connections) {
      if (!isClosed) continue;
      this.recordings.forget(id);
      return this.#connections.delete(id);
    }
    return false;
  }

  #failed(message: Messages['connection:error']): void {
    const shown = this.#of(message)?.failed(message, realTime.now());
    if (shown && this.#errors.push(shown) > MAX_ERRORS) this.#errors.shift();
  }

  #closed(message: Messages['connection:closed']): void {
    const now = realTime.now();
    const connection = this.#of(message);
    if (connection) connection.ended(message, this.#tick + 1, now, now - this.#sampled);
    else if (message.id >= this.#firstId) this.#hidden -= 1;
    this.recordings.stop(message.id);
  }

  /** Samples all open connections after `interval`, and again. Lets the process exit meanwhile. */
  #wait(): void {
    const timer = after(this.#settings.interval, realTime, () => this.#sample(timer), { unref: true });
    this.add(timer);
  }

  #sample(timer: Subscription): void {
    this.remove(timer);
    const now = realTime.now();
    const elapsed = now - this.#sampled;
    this.#sampled = now;
    this.#tick += 1;
    for (const each of this.#connections.values()) each.sample(this.#tick, now, elapsed);
    this.#wait();
  }
}
