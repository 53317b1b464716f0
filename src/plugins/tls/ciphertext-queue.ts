import type { LayerContext } from '../../wire/layer.ts';
import { PAUSE, RESUME, type DataSignal, type EndSignal } from '../../wire/signal.ts';
import type { TlsFlow } from './tls-flow.ts';

/** The maximum number of bytes queued while the queue is blocked, before the wire below is paused. */
const MAX_QUEUED = 65_536;

/**
 * Queues ciphertext while TLS cannot process it: until the secure context is known, and until the peer is accepted. Controls the flow
 * of the wire below.
 *
 * ```text
 *   wire below ── ciphertext ──▶ queue ── unless blocked ──▶ process
 *        ◀── pause, resume ─────── full, or requested by the application
 * ```
 */
export class CiphertextQueue implements TlsFlow {
  readonly #ports: Pick<LayerContext, 'down'>;
  readonly #process: (signal: DataSignal | EndSignal) => void;
  readonly #signals: (DataSignal | EndSignal)[] = [];
  #bytes = 0;
  #isBlocked = true;
  #isProcessing = false;
  #isOpen = false;
  /** Whether the application has asked for a pause. */
  isAppPaused = false;
  #isWirePaused = false;

  /** @param process called with each signal, in order, and never from inside itself. */
  constructor(ports: Pick<LayerContext, 'down'>, process: (signal: DataSignal | EndSignal) => void) {
    this.#ports = ports;
    this.#process = process;
  }

  push(signal: DataSignal | EndSignal): void {
    this.#signals.push(signal);
    if (signal.kind === 'data') this.#bytes += signal.bytes.length;
    if (this.#isBlocked) this.#updateFlow();
    else this.#processAll();
  }

  /** Stops processing. The queue is blocked at first. */
  block(): void {
    this.#isBlocked = true;
  }

  unblock(): void {
    this.#isBlocked = false;
    this.#updateFlow();
    this.#processAll();
  }

  open(): void {
    this.#isOpen = true;
    this.unblock();
  }

  setPaused(isPaused: boolean): void {
    this.isAppPaused = isPaused;
    this.#updateFlow();
  }

  #processAll(): void {
    if (this.#isProcessing) return;
    this.#isProcessing = true;
    for (let signal = this.#next(); signal; signal = this.#next()) this.#process(signal);
    this.#isProcessing = false;
  }

  #next(): DataSignal | EndSignal | undefined {
    if (this.#isBlocked) return undefined;
    const signal = this.#signals.shift();
    if (signal?.kind === 'data') this.#bytes -= signal.bytes.length;
    return signal;
  }

  /** A full queue counts only while blocked: a paused wire does not detect that the peer is gone. */
  #updateFlow(): void {
    const isFull = this.#isBlocked && this.#bytes >= MAX_QUEUED;
    const pause = isFull || (this.#isOpen && this.isAppPaused);
    if (pause === this.#isWirePaused) return;
    this.#isWirePaused = pause;
    this.#ports.down.next(pause ? PAUSE : RESUME);
  }
}
