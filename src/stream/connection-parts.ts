import type { Observer } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { Watchdog } from '../util/watchdog.ts';
import type { Flow, LayerDetails } from '../wire/signal.ts';
import type { ErrorPolicy } from './error-policy.ts';
import type { Lifetime } from './lifetime.ts';
import type { Notifier } from './notifier.ts';
import type { StreamSettings } from './settings.ts';

/** The fields of a stream that its connection writes. */
export interface ConnectionFields {
  ip: string | undefined;
  isEof: boolean;
  inBytes: number;
  outBytes: number;
}

/** What the parts of one connection share: each uses the others through it. */
export interface ConnectionParts {
  /** The number of the connection in this process. */
  readonly id: number;
  readonly io: ConnectionFields;
  readonly settings: StreamSettings;
  readonly lifetime: Lifetime;
  readonly notifier: Notifier;
  readonly errors: ErrorPolicy;
  /** `hasWireEnded`: whether the wire has completed or failed. */
  readonly inbound: { readonly hasWireEnded: boolean };
  /** Runs while the stream is open and `timeouts.idle` is on. */
  readonly idle: Watchdog | undefined;
  /** Receives outbound signals. */
  readonly flow: Observer<Flow>;
  /** Number of sends that are active or queued. */
  readonly sendCount: number;
  /** Requests work at the end of this tick: unread bytes are delivered, queued bytes are written. */
  requestTick(): void;
  /** Schedules a write of the queued bytes for after the caller has returned. */
  flushSoon(): void;
  /** Fails because accepted bytes were lost. Resets the wire only if bytes were written before them. */
  failLost(error: IOStreamError, wereWritten: boolean): void;
  /** Replays the inbound signals that arrived during the tick of `new`. */
  replayDeferred(): void;
  /** Keeps the facts of the connected stack: details of each layer, the wire's last. */
  connected(layers: readonly LayerDetails[]): void;
  /** Starts or stops the idle timer after the state or `timeouts.idle` has changed. */
  updateIdleTimer(): void;
  /** Frees the wire. */
  free(): void;
}
