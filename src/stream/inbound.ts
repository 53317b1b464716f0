import type { Observer } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { CONNECTED, RESOLVED } from '../events.ts';
import { AsyncContext } from '../util/async-context.ts';
import type { LayerDetails, Up } from '../wire/signal.ts';
import type { Closing } from './closing.ts';
import type { ConnectionParts } from './connection-parts.ts';
import type { ReadSide } from './read-side.ts';
import { publishInbound, publishInboundEnd } from './signal-tap.ts';
import type { WriteSide } from './write-side.ts';

/**
 * Error codes that are no failure after the peer's EOF.
 *
 * - A peer that closes with unread input resets the connection.
 * - Node's TLS over a Duplex writes close_notify to a Duplex that has already ended or closed.
 */
const RESET_CODES = /^(ECONNRESET|EPIPE|ERR_STREAM_(WRITE|ALREADY|DESTROYED|PREMATURE)\w*)$/;

/** The parts that inbound signals concern. */
type InboundParts = ConnectionParts & { readonly reads: ReadSide; readonly writes: WriteSide; readonly closing: Closing };

/**
 * Receives the inbound signals of a connection, and calls the part that each concerns.
 *
 * - No signal is dispatched before the tick of `new` ends: until then it is deferred.
 * - All callbacks run in the async context of the code that made the stream.
 */
export class Inbound extends AsyncContext implements Observer<Up> {
  readonly #parts: InboundParts;
  /** Signals and aborts that arrived during the tick of `new`; replayed when it ends. */
  #deferred: (() => void)[] | undefined = [];
  /** The kind of the signal that is being dispatched. */
  #dispatching: Up['kind'] | undefined;
  #isFlushDue = false;
  /** Whether the wire has completed or failed. */
  hasWireEnded = false;

  constructor(parts: InboundParts) {
    super();
    this.#parts = parts;
  }

  next(signal: Up): void {
    publishInbound(this.#parts, signal);
    if (this.#deferred) this.#deferSignal(signal);
    else this.#onUp(signal);
  }

  /** A function of its own: one that may capture its argument in a closure allocates a context at every call. */
  #deferSignal(signal: Up): void {
    this.defer(() => this.#onUp(signal));
  }

  error(error: unknown): void {
    publishInboundEnd(this.#parts, { error });
    this.hasWireEnded = true;
    if (this.#deferred) this.defer(() => this.#onError(error));
    else this.runInAsyncScope(this.#onError, this, error);
  }

  complete(): void {
    publishInboundEnd(this.#parts, {});
    this.hasWireEnded = true;
    if (this.#deferred) this.defer(() => this.#onComplete());
    else this.runInAsyncScope(this.#onComplete, this);
  }

  /** Calls `work` in its turn at the end of the tick of `new`. */
  defer(work: () => void): void {
    this.#deferred?.push(work);
  }

  /** Replays deferred calls in order. New ones queue behind them; during the last one and later, signals are dispatched directly. */
  replayDeferred(): void {
    for (let deferred = this.#deferred; deferred; deferred = this.#deferred) {
      const replay = deferred.shift();
      if (deferred.length === 0) this.#deferred = undefined;
      replay?.();
    }
  }

  /**
   * Schedules a flush: after the current signal has been dispatched, otherwise at the end of the tick.
   *
   * - A write in answer to inbound data is the common case; one microtask for each made ping-pong slower.
   * - A write in answer to `sent` is flushed at the end of the tick. A kernel that accepts all at once would otherwise block the
   *   event loop.
   */
  flushSoon(): void {
    if (this.#dispatching && this.#dispatching !== 'sent') this.#isFlushDue = true;
    else this.#parts.requestTick();
  }

  /** Flushes at once, or after the current signal has been dispatched. */
  flush(): void {
    if (this.#dispatching) this.#isFlushDue = true;
    else if (this.#parts.lifetime.isOpen) this.#parts.writes.flush();
  }

  #onUp(signal: Up): void {
    if (!this.#dispatching) this.#parts.closing.leaveIfDue();
    if (this.#parts.lifetime.state !== 'closed') this.runInAsyncScope(this.#dispatch, this, signal);
  }

  #dispatch(signal: Up): void {
    if (this.#dispatching) {
      this.#take(signal);
      return;
    }
    this.#dispatching = signal.kind;
    try {
      this.#take(signal);
    } finally {
      this.#dispatching = undefined;
    }
    if (!this.#isFlushDue) return;
    this.#isFlushDue = false;
    if (this.#parts.lifetime.isOpen) this.#parts.writes.flush();
  }

  #take(signal: Up): void {
    const { io, lifetime, idle } = this.#parts;
    switch (signal.kind) {
      case 'data':
        if (lifetime.state === 'closing' || signal.bytes.length === 0) return;
        lifetime.bytesIn += signal.bytes.length;
        io.inBytes += signal.bytes.length;
        idle?.touch();
        this.#parts.reads.push(signal.bytes);
        return;
      case 'end':
        io.isEof = true;
        lifetime.endFacts = signal.facts;
        lifetime.endedBy ??= this.#parts.writes.ended ? 'us' : 'peer';
        this.#parts.reads.finish();
        lifetime.emitEof();
        this.#parts.requestTick();
        return;
      case 'pause':
        this.#parts.writes.pause();
        return;
      case 'resume':
        this.#parts.writes.resume();
        return;
      case 'sent':
        idle?.touch();
        this.#parts.writes.onSent(signal.bytes);
        if (this.shouldAutoEnd()) this.#parts.requestTick();
        return;
      case 'resolved':
        io.ip = signal.ip;
        this.#parts.notifier.notify(RESOLVED);
        return;
      case 'connected':
        this.#onConnected(signal.details);
        return;
    }
  }

  #onConnected(layers: readonly LayerDetails[]): void {
    const { io, lifetime, notifier, errors, settings } = this.#parts;
    this.#parts.connected(layers);
    // Opened before CONNECTED is reported: queued bytes are written even if a handler closes the stream.
    this.#parts.writes.open();
    if (settings.fh === undefined || settings.hasPlugins) notifier.notify(CONNECTED);
    if (!lifetime.isOpen) return; // Closed by its own CONNECTED handler: do not announce it.
    this.#parts.writes.flush();
    errors.supervisor.opened?.(io);
    lifetime.emitOpened();
  }

  /** Called when the wire has failed and is freed. */
  #onError(error: unknown): void {
    this.#parts.closing.leaveIfDue();
    const { state, isFailing, end, endedBy, wasConnected } = this.#parts.lifetime;
    if (isFailing || state === 'closed') return;
    if (state === 'closing') this.#parts.closing.finish('us', end?.error ?? error, {});
    else if (this.#hasLostNothing(error)) this.#parts.closing.finish(endedBy ?? 'peer', undefined, {});
    else this.#parts.closing.fail(IOStreamError.from(error, { phase: wasConnected ? 'read' : 'connect' }));
  }

  /** Whether an error after the peer's FIN is a mere reset: all input has arrived, and no outbound bytes are pending. */
  #hasLostNothing(error: unknown): boolean {
    if (!this.#parts.io.isEof || this.#parts.writes.pending > 0 || this.#parts.sendCount > 0) return false;
    return error instanceof IOStreamError && RESET_CODES.test(error.code);
  }

  /** Called when both directions have ended, or the close is complete. */
  #onComplete(): void {
    this.#parts.closing.leaveIfDue();
    const { isFailing, endedBy, end } = this.#parts.lifetime;
    if (!isFailing) this.#parts.closing.finish(endedBy ?? 'us', end?.error, {});
  }

  /** Whether to end our direction: half-open is off, the peer has ended, and all accepted bytes are sent. */
  shouldAutoEnd(): boolean {
    const { io, lifetime, settings, sendCount } = this.#parts;
    if (!io.isEof || !lifetime.isOpen || this.#parts.writes.ended || this.#parts.writes.pending > 0) return false;
    const { waitFor, allowHalfOpen = waitFor !== undefined } = settings;
    // A pull reader sees EOF only after draining the buffer and may still write until then.
    return !allowHalfOpen && sendCount === 0 && !this.#parts.reads.isPulled;
  }
}
