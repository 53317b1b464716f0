import type { Observer, Subscription } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import { after } from '../util/timer.ts';
import { Watchdog } from '../util/watchdog.ts';
import { remainingTime } from './deadline.ts';
import type { DirectConnection, FlowSource } from './direct.ts';
import { END, PAUSE, RESUME, type DataSignal, type Dial, type EndSignal, type Flow, type LayerDetails, type Up } from './signal.ts';

/**
 * Connects the signals of one connection to a medium of the Web: a pair of streams, or a WebSocket.
 *
 * ```text
 *   flow ──▶ next ──────────────────────▶ write, end, pause, read ──▶ medium
 *     up ◀── connected, data, sent, … ◀─────────────────────────────── medium
 * ```
 *
 * It knows the rules of a wire: what is deferred, when to pause the application, how to close. A subclass knows its medium.
 */
export abstract class WebConnection implements DirectConnection {
  declare protected readonly dial: Dial;
  protected isPaused = false;
  /** The application has closed: what arrives is discarded. */
  protected isClosing = false;
  /** Our end was written. */
  #isEnding = false;
  protected hasInputEnded = false;
  protected hasOutputEnded = false;
  protected isFreed = false;
  /** Bytes written and not sent. */
  protected unsent = 0;
  readonly #up: Observer<Up>;
  readonly #highWaterMark: number;
  /** Outbound signals. Buffered until `connected` is emitted. */
  #deferred: (DataSignal | EndSignal)[] | undefined = [];
  #opening: Subscription | undefined;
  #linger: Watchdog | undefined;
  #isFull = false;
  #hasFlowEnded = false;

  /** @param highWaterMark unsent bytes at which the application is paused; it is resumed at half of them. */
  constructor(dial: Dial, up: Observer<Up>, highWaterMark: number) {
    this.dial = dial;
    this.#up = up;
    this.#highWaterMark = highWaterMark;
  }

  // The medium

  /** Opens the medium, then calls `connected`. A throw is an error of the caller's arguments. */
  protected abstract open(): void;
  /** Writes bytes, in order. Calls `sent` for them. */
  protected abstract write(bytes: Uint8Array): void;
  /** Ends our direction behind all written bytes. Calls `outputEnded`. */
  protected abstract end(): void;
  /** Reads, or resumes reading. Called at any time, also when the medium is freed. */
  protected abstract read(): void;
  /** Stops reading. */
  protected abstract pause(): void;
  /** Frees the medium at once, with a reset unless both directions have ended. Called once. */
  protected abstract free(reason: unknown): void;

  protected get isConnected(): boolean {
    return this.#deferred === undefined;
  }

  // What the medium reports

  protected connected(details: LayerDetails): void {
    if (this.isFreed) return;
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    this.#opening?.unsubscribe();
    this.#up.next({ kind: 'connected', details: [details] });
    for (const signal of deferred) this.next(signal);
    this.read();
  }

  protected data(bytes: Uint8Array): void {
    if (!this.isFreed && !this.isClosing && bytes.length > 0) this.#up.next({ kind: 'data', bytes });
  }

  protected sent(bytes: number): void {
    if (this.isFreed || bytes === 0) return;
    this.unsent -= bytes;
    this.#linger?.touch();
    this.#up.next({ kind: 'sent', bytes });
    this.#updatePressure();
  }

  protected inputEnded(end: EndSignal = END): void {
    if (this.isFreed || this.hasInputEnded) return;
    this.hasInputEnded = true;
    if (!this.isClosing) this.#up.next(end);
    this.#completeIfEnded();
  }

  protected outputEnded(): void {
    if (this.isFreed || this.hasOutputEnded) return;
    this.hasOutputEnded = true;
    this.#linger?.touch();
    this.#completeIfEnded();
  }

  protected fail(error: unknown): void {
    if (this.isFreed) return;
    this.#free(error);
    this.#up.error(error);
  }

  /** Completes Up: the connection has ended in order. */
  protected finish(): void {
    if (this.isFreed) return;
    this.#free(aborted('closed'));
    this.#up.complete();
  }

  /** Called when both directions have ended. */
  protected bothEnded(): void {
    this.finish();
  }

  // Outbound signals

  start(source?: FlowSource): void {
    source?.subscribe();
    try {
      if (!this.isFreed) this.open();
    } catch (error) {
      this.fail(error);
    }
    if (this.isFreed || this.isConnected) return;
    const limit = remainingTime(this.dial.timeouts.connect, this.dial);
    this.#opening = after(limit, this.dial.scheduler, () => this.fail(timedOut(limit)));
  }

  next(signal: Flow): void {
    if (this.#hasFlowEnded) return;
    try {
      this.#receive(signal);
    } catch (error) {
      this.fail(error);
    }
  }

  #receive(signal: Flow): void {
    switch (signal.kind) {
      case 'pause':
        this.isPaused = true;
        if (this.isConnected) this.pause();
        return;
      case 'resume':
        this.isPaused = false;
        if (this.isConnected) this.read();
        return;
      case 'data':
      case 'end':
        if (this.#deferred) this.#deferred.push(signal);
        else if (signal.kind === 'end') this.#end();
        else this.#write(signal.bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#isEnding) throw new IOStreamError('EPIPE', { phase: 'write', errno: -32, message: 'write after the end of our direction' });
    if (bytes.length === 0) return;
    this.unsent += bytes.length;
    this.write(bytes);
    this.#updatePressure();
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.end();
  }

  /** Closes: sends the queued bytes and our end, then waits for the peer's end, and discards what arrives. */
  complete(): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    if (!this.isConnected) {
      this.finish();
      return;
    }
    this.isClosing = true;
    const onTimeout = (): void => this.finish();
    this.#linger = new Watchdog(this.dial.scheduler, { limit: this.dial.timeouts.close, isWaiting: true, onTimeout });
    this.#linger.touch();
    this.#end();
    this.read();
  }

  /** Resets. */
  error(reason: unknown): void {
    if (!this.#hasFlowEnded) this.fail(reason);
  }

  /** Frees the medium at once, without another signal. */
  unsubscribe(): void {
    this.#free(aborted('dropped'));
  }

  #free(reason: unknown): void {
    if (this.isFreed) return;
    this.isFreed = true;
    this.#hasFlowEnded = true;
    this.#opening?.unsubscribe();
    this.#linger?.stop();
    this.free(reason);
  }

  #completeIfEnded(): void {
    if (!this.isFreed && this.hasInputEnded && this.hasOutputEnded) this.bothEnded();
  }

  /** Pauses or resumes the application. */
  #updatePressure(): void {
    const mark = this.#isFull ? this.#highWaterMark / 2 + 1 : this.#highWaterMark;
    const isFull = this.unsent >= mark;
    if (this.isFreed || isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#up.next(isFull ? PAUSE : RESUME);
  }
}

function aborted(how: string): IOStreamError {
  return new IOStreamError('ECONNABORTED', { phase: 'close', errno: -103, message: `the connection was ${how}` });
}

function timedOut(ms: number): IOStreamError {
  return new IOStreamError(ETOCONNECT, { phase: 'connect', message: `connect timed out: not open within ${ms} ms` });
}
