import { ReplaySubject, type Observable, type Observer, type Unsubscribable } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { connectTo } from '../wire/direct.ts';
import { layerEndpoints } from '../wire/endpoints.ts';
import { nextConnectionId } from '../util/connection-id.ts';
import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import type { Watchdog } from '../util/watchdog.ts';
import type { Endpoints, Flow, LayerDetails, Timeouts } from '../wire/signal.ts';
import { AwaitedClose } from './awaited-close.ts';
import { Closing } from './closing.ts';
import type { ConnectionFields, ConnectionParts } from './connection-parts.ts';
import { publishConnected, publishDial } from './connection-diagnostics.ts';
import { dialStack } from './dial.ts';
import { ErrorPolicy } from './error-policy.ts';
import type { FailureTarget } from './failure-target.ts';
import { NO_HANDLE, type Handle } from './handle.ts';
import { idleTimer } from './idle-timer.ts';
import { Inbound } from './inbound.ts';
import { isAccepted } from './is-accepted.ts';
import { Lifetime } from './lifetime.ts';
import { Notifier } from './notifier.ts';
import type { StreamOptions } from './options.ts';
import { ReadSide } from './read-side.ts';
import type { ClosedReport } from './report.ts';
import { SendQueue } from './send-queue.ts';
import { StreamSettings } from './settings.ts';
import { publishFreed, tappedFlow } from './signal-tap.ts';
import { WriteSide } from './write-side.ts';

const NO_DETAILS: Readonly<Record<string, LayerDetails>> = /* @__PURE__ */ Object.freeze({});

/**
 * Wires the parts of one stream, and does the work that is due at the end of a tick.
 *
 * ```text
 *                 ┌─ Notifier ── events$, errors$, cb
 *   wire ─▶ Inbound ─▶ ReadSide ── data$, consume, iteration
 *     ▲           └─ Closing ── Lifetime ── closing$, closed$, eof$
 *     └────── flow ◀─ WriteSide ◀─ write, send, output
 * ```
 */
export class Connection implements ConnectionParts, FailureTarget, TickTarget {
  readonly id: number = nextConnectionId();
  declare readonly io: ConnectionFields;
  declare readonly settings: StreamSettings;
  declare readonly lifetime: Lifetime;
  declare readonly notifier: Notifier;
  declare readonly errors: ErrorPolicy;
  declare readonly reads: ReadSide;
  declare readonly writes: WriteSide;
  declare readonly closing: Closing;
  declare readonly inbound: Inbound;
  /** The stream that has taken over the wire. */
  declare successor?: { reset(): void };
  readonly #ticks: TickQueue;
  isTickDue = false;
  /** Called with the name of each TLS layer that starts its handshake. */
  onTlsStart: ((layer: string | undefined) => void) | undefined;
  idle: Watchdog | undefined;
  details: Readonly<Record<string, LayerDetails>> = NO_DETAILS;
  handle: Handle = NO_HANDLE;
  /** Undefined if it was not dialled. */
  wire: Unsubscribable | undefined;
  #isUnref = false;
  #flow: Observer<Flow> | undefined;
  #sends: SendQueue | undefined;

  /** @param io the stream that callbacks get. */
  constructor(io: ConnectionFields, options: StreamOptions<never>) {
    const settings = new StreamSettings(options);
    this.io = io;
    this.settings = settings;
    this.lifetime = new Lifetime(settings.scheduler.now());
    this.notifier = new Notifier(this);
    this.errors = new ErrorPolicy(this);
    this.reads = new ReadSide(this);
    this.writes = new WriteSide(this);
    this.closing = new Closing(this);
    this.inbound = new Inbound(this);
    this.#ticks = ticksOf(settings.scheduler);
  }

  /**
   * Dials.
   *
   * @throws TypeError for wrong arguments.
   */
  start(options: StreamOptions<never>): void {
    const { signal, fh } = this.settings;
    const dialed = dialStack(options, this, (layer) => this.onTlsStart?.(layer));
    this.requestTick();
    if (signal) this.closing.closeOnAbort(signal, (close) => this.inbound.defer(close));
    // Already aborted: do not dial. An `fh` is still opened, since the stream owns it and must free it.
    const connection = signal?.aborted && fh === undefined ? undefined : connectTo(dialed, this.inbound);
    if (connection) this.#flow = this.wire = connection;
    publishDial(this, isAccepted(options));
    connection?.start();
  }

  /** Receives outbound signals. Buffers them if there is no wire. */
  get flow(): Observer<Flow> {
    return tappedFlow(this, this.outbound);
  }

  /** Receives outbound signals that are not published. */
  get outbound(): Observer<Flow> {
    return (this.#flow ??= new ReplaySubject<Flow>(Infinity));
  }

  connected(layers: readonly LayerDetails[]): void {
    const { handle = NO_HANDLE, ip } = layers.at(-1) ?? {};
    this.lifetime.connected(this.settings.scheduler.now());
    if (layers.length > 1) this.details = byName(layers);
    this.handle = handle as Handle;
    if (this.#isUnref) this.handle.unref?.();
    const endpoints = layerEndpoints(layers);
    if (endpoints) this.io.ip = endpoints.remoteAddress;
    else if (typeof ip === 'string') this.io.ip = ip;
    this.updateIdleTimer();
    publishConnected(this);
  }

  /** The addresses of both ends. */
  get endpoints(): Endpoints {
    return layerEndpoints(Object.values(this.details)) ?? this.handle;
  }

  setRef(ref: boolean): void {
    this.#isUnref = !ref;
    if (ref) this.handle.ref?.();
    else this.handle.unref?.();
  }

  changeTimeouts(wanted: Partial<Timeouts>): void {
    this.settings.changeTimeouts(wanted);
    this.writes.resetTimeout();
    this.updateIdleTimer();
  }

  updateIdleTimer(): void {
    this.idle?.stop();
    const isWanted = this.lifetime.state === 'open' && this.settings.timeouts.idle !== Infinity;
    this.idle = isWanted ? idleTimer(this.settings, this.errors, this.reads) : undefined;
  }

  // What others use of the stream

  /** Whether the stream rejects writes. */
  get isClosed(): boolean {
    return !this.lifetime.isActive || this.writes.ended;
  }

  /** Serializes the sends. */
  get sends(): SendQueue {
    return (this.#sends ??= new SendQueue(
      () => this.lifetime.isActive,
      () => this.requestTick(),
    ));
  }

  get sendCount(): number {
    return this.#sends?.length ?? 0;
  }

  /** The `closed$` of the user: a subscriber handles the stream's error, and keeps the process alive during the close. */
  get awaitedClose$(): Observable<ClosedReport> {
    return (this.closing.awaited ??= new AwaitedClose(this.lifetime, this.settings, this.errors)).closed$;
  }

  flush(): void {
    this.inbound.flush();
  }

  // What the parts use

  flushSoon(): void {
    this.inbound.flushSoon();
  }

  replayDeferred(): void {
    this.inbound.replayDeferred();
  }

  free(): void {
    publishFreed(this);
    this.wire?.unsubscribe();
  }

  fail(error: IOStreamError, isHandled?: boolean): void {
    this.closing.fail(error, isHandled);
  }

  failLost(error: IOStreamError, wereWritten: boolean): void {
    if (!wereWritten) this.free();
    this.fail(error);
  }

  onCallbackThrow(error: unknown): void {
    this.closing.failByThrow(error);
    this.errors.supervisor.thrown(error);
  }

  /** Reports the error of a rejected call at the end of the caller's tick. */
  reportLater(error: IOStreamError, { fatal = false }: { readonly fatal?: boolean } = {}): void {
    this.errors.keep(error, fatal);
    this.requestTick();
  }

  // The end of the tick

  requestTick(): void {
    this.#ticks.request(this);
  }

  onTick(): void {
    this.inbound.runInAsyncScope(this.#atTickEnd, this);
  }

  #atTickEnd(): void {
    this.closing.leaveIfDue();
    this.replayDeferred();
    this.errors.reportKept();
    if (this.lifetime.isOpen) this.writes.flush();
    this.reads.pump();
    if (this.inbound.shouldAutoEnd()) this.writes.end();
    if (!this.reads.isErrorHandled) this.errors.reportUnhandled();
  }
}

function byName(layers: readonly LayerDetails[]): Readonly<Record<string, LayerDetails>> {
  return Object.fromEntries(layers.flatMap((each) => (each.layer === undefined ? [] : [[each.layer, each] as const])));
}
