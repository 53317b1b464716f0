import type { Observer, Subscription } from 'rxjs';
import { FLAG, MAX_UINT32 } from '../protocol/yamux.ts';
import { after } from '../util/timer.ts';
import { Watchdog, type WatchdogTarget } from '../util/watchdog.ts';
import { remainingTime } from '../wire/deadline.ts';
import type { DirectConnection, FlowSource } from '../wire/direct.ts';
import { lostBytes } from '../wire/lost-bytes.ts';
import { END, PAUSE, RESUME, type Dial, type Flow, type Up } from '../wire/signal.ts';
import { notOpened, overBudget } from './mux-errors.ts';
import { StreamInput, type InputTarget } from './stream-input.ts';
import { StreamOutput } from './stream-output.ts';
import type { StreamOwner } from './stream-owner.ts';
import { StreamWriter, type WriterTarget } from './stream-writer.ts';

/**
 * One stream of a mux, as the connection of a wire.
 *
 * ```text
 *   application ── next ──▶ StreamOutput ──▶ StreamWriter ── frames ──▶ FrameScheduler
 *   application ◀── up ──── StreamInput ◀── data, FIN, RST ─── FrameReceiver
 *                                 └─ credit ──▶ StreamWriter
 * ```
 */
export class MuxStream implements DirectConnection, InputTarget, WriterTarget, WatchdogTarget {
  /** The id in its frames. 0 until the stream is opened. */
  id = 0;
  readonly input: StreamInput;
  readonly output: StreamOutput = new StreamOutput();
  /** Whether the peer has accepted the stream. */
  isAccepted: boolean;
  readonly isWaiting = true;
  readonly #owner: StreamOwner;
  readonly #writer: StreamWriter;
  #up: Observer<Up> | undefined;
  #dial: Dial | undefined;
  #isConnected = false;
  #isFreed = false;
  #hasFlowEnded = false;
  #opening: Subscription | undefined;
  #linger: Watchdog | undefined;

  /** @param isDialled whether we opened the stream, and not the peer. */
  constructor(owner: StreamOwner, isDialled: boolean) {
    this.#owner = owner;
    this.isAccepted = !isDialled;
    this.input = new StreamInput(this, owner.budget, owner.window);
    this.#writer = new StreamWriter(owner, this, isDialled ? FLAG.SYN : FLAG.ACK);
  }

  /** Whether all of the stream has been received, and sent. */
  get isWhole(): boolean {
    return this.input.hasPeerEnded && this.output.ending === 'sent';
  }

  // The application

  /** Connects the application. */
  attach(up: Observer<Up>, dial: Dial): this {
    this.#up = up;
    this.#dial = dial;
    return this;
  }

  start(source?: FlowSource): void {
    source?.subscribe();
    if (this.#hasFlowEnded) return;
    this.#owner.open(this);
    if (this.#isConnected || !this.#dial || this.#up === undefined) return;
    const ms = remainingTime(this.#dial.timeouts.connect, this.#dial);
    this.#opening = after(ms, this.#dial.scheduler, () => this.abort(notOpened(ms)));
  }

  /** Called when the connection is open, and `id` is set. A dialled stream is connected when its first frame was written. */
  onOpen(): void {
    this.#writer.requestControl();
    if (this.isAccepted) this.onFirstFrame();
  }

  onFirstFrame(): void {
    this.#opening?.unsubscribe();
    this.#isConnected = true;
    this.#up?.next({ kind: 'connected', details: [this.#owner.detailsOf(this.id)] });
    if (this.#isFreed) return;
    this.input.start();
    this.#writer.requestData();
    this.#requestEnd();
  }

  next(signal: Flow): void {
    if (this.#hasFlowEnded) return;
    switch (signal.kind) {
      case 'data':
        if (this.output.ending !== 'no') return;
        this.output.push(signal.bytes);
        this.#writer.requestData();
        this.onWritten();
        return;
      case 'end':
        this.#end();
        return;
      case 'pause':
        this.input.pause();
        return;
      case 'resume':
        this.input.resume();
        return;
    }
  }

  /** Closes: sends the queued bytes and our end, and drops the input until the end of the peer. */
  complete(): void {
    if (this.#hasFlowEnded) return;
    if (!this.#isConnected) {
      this.onTimeout();
      return;
    }
    this.#hasFlowEnded = true;
    this.#linger = this.#dial && new Watchdog(this.#dial.scheduler, this);
    this.#linger?.touch();
    this.#end();
    this.input.discard();
  }

  /** Resets. */
  error(reason: unknown): void {
    if (this.#hasFlowEnded) return;
    const up = this.#up;
    this.unsubscribe();
    up?.error(reason);
  }

  /** Frees the stream at once. The peer gets a reset, unless both directions have ended. */
  unsubscribe(): void {
    if (this.#isFreed) return;
    this.#free();
    if (this.input.hasPeerEnded && (this.output.ending === 'written' || this.output.ending === 'sent')) this.#owner.forget(this);
    else this.#owner.reset(this, this.#writer.firstFlag);
  }

  // The close

  get limit(): number {
    return this.#dial?.timeouts.close ?? Infinity;
  }

  /** Called `timeouts.close` after our close, without progress and without the end of the peer. */
  onTimeout(): void {
    const up = this.#up;
    this.unsubscribe();
    up?.complete();
  }

  // The peer

  /** The peer grants credit. Returns false if it grants more than a window can hold. */
  onCredit(bytes: number): boolean {
    if (this.output.window + bytes > MAX_UINT32) return false;
    this.output.window += bytes;
    this.#writer.requestData();
    return true;
  }

  /** Fails with an error, after all bytes that were received. The owner no longer knows the stream. */
  fail(error: unknown): void {
    if (this.#isFreed) return;
    const up = this.#up;
    this.output.free();
    this.input.flush();
    if (this.#up !== up) return; // The application has left while it got the bytes.
    this.#free();
    up?.error(error);
  }

  /** Fails with an error of ours, and resets the stream at the peer. */
  abort(error: unknown): void {
    this.#owner.reset(this, this.#writer.firstFlag);
    this.fail(error);
  }

  // Input

  emitData(bytes: Uint8Array): void {
    this.#up?.next({ kind: 'data', bytes });
  }

  emitEnd(): void {
    if (!this.#hasFlowEnded) this.#up?.next(END);
    this.#completeIfEnded();
  }

  onCreditDue(): void {
    this.#writer.requestControl();
  }

  onOverBudget(total: number): void {
    this.abort(overBudget(total, this.#owner.budget.limit));
  }

  // Output

  takeCredit(): number {
    return this.input.hasPeerEnded ? 0 : this.input.takeCredit();
  }

  /** Pauses or resumes the application: the length of the queue has changed. */
  onWritten(): void {
    if (!this.output.isPauseChanged) return;
    this.output.isPaused = !this.output.isPaused;
    this.#up?.next(this.output.isPaused ? PAUSE : RESUME);
  }

  onLost(): void {
    this.abort(lostBytes());
  }

  onSent(bytes: number): void {
    this.#linger?.touch();
    if (bytes > 0) this.#up?.next({ kind: 'sent', bytes });
    else {
      this.output.ending = 'sent';
      this.#completeIfEnded();
    }
  }

  #end(): void {
    if (this.output.ending !== 'no') return;
    this.output.ending = 'due';
    this.#requestEnd();
  }

  #requestEnd(): void {
    if (this.#isConnected && this.output.isEndDue) this.#writer.requestControl();
  }

  #completeIfEnded(): void {
    if (this.#isFreed || !this.input.isEndTaken || this.output.ending !== 'sent') return;
    const up = this.#up;
    this.#free();
    this.#owner.forget(this);
    up?.complete();
  }

  #free(): void {
    this.#isFreed = true;
    this.#hasFlowEnded = true;
    this.#up = undefined;
    this.#opening?.unsubscribe();
    this.#linger?.stop();
    this.#writer.stop();
    this.output.free();
    this.input.free();
  }
}
