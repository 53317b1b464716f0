import type { Subscriber, Subscription } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../../errors.ts';
import { after } from '../../util/timer.ts';
import type { Dial, Flow, Up } from '../../wire/signal.ts';
import { show } from '../bytes.ts';
import type { RecordedSignal } from './recording.ts';
import type { Script, Step } from './script.ts';

/** Plays a script for one connection. */
export class Player {
  readonly #script: Script;
  readonly #dial: Dial;
  readonly #up: Subscriber<Up>;
  readonly #start: number;
  #next = 0;
  /** Delay against the recorded times, in ms, caused by waiting for the application. */
  #lag = 0;
  #hasWaited = false;
  #isPlaying = false;
  #timer: Subscription | undefined;
  #closeTimer: Subscription | undefined;
  #written = 0;
  #hasEnded = false;
  #isPaused = false;
  #isClosing = false;

  constructor(script: Script, dial: Dial, up: Subscriber<Up>) {
    this.#script = script;
    this.#dial = dial;
    this.#up = up;
    this.#start = dial.scheduler.now();
  }

  onFlow(signal: Flow): void {
    if (signal.kind === 'data') this.#write(signal.bytes);
    else if (signal.kind === 'end') this.#end();
    else this.#isPaused = signal.kind === 'pause';
    this.play();
  }

  close(): void {
    const { outbound, check, cut } = this.#script;
    if (check && !cut && this.#written < outbound.length)
      this.#fail(`Flow completed after ${this.#written} of ${outbound.length} recorded bytes`);
    this.#isClosing = true;
    this.#closeTimer = after(this.#dial.timeouts.close, this.#dial.scheduler, () => this.#up.complete());
    this.play();
  }

  stop(): void {
    this.#timer?.unsubscribe();
    this.#closeTimer?.unsubscribe();
  }

  /** Plays all steps that are due. Not reentrant: a call from inside `next` returns at once, and the outer loop continues. */
  play(): void {
    if (this.#isPlaying) return;
    this.#isPlaying = true;
    for (let step = this.#due(); step && !this.#up.closed; step = this.#due()) {
      this.#next += 1;
      this.#emit(step.signal);
    }
    this.#isPlaying = false;
    if (this.#isClosing && this.#next === this.#script.steps.length) this.#up.complete();
  }

  /** Returns the next step if it is due; otherwise schedules it, or waits for the application. */
  #due(): Step | undefined {
    const step = this.#script.steps[this.#next];
    if (!step) return undefined;
    const isBehind = this.#script.check && (this.#written < step.bytes || (step.hasEnded && !this.#hasEnded));
    const isHeld = this.#isPaused && (step.signal.kind === 'data' || step.signal.kind === 'end');
    if (!this.#isClosing && (isBehind || isHeld)) {
      this.#hasWaited = true;
      return undefined;
    }
    const late = this.#dial.scheduler.now() - this.#start - step.at;
    if (this.#hasWaited) this.#lag = Math.max(this.#lag, late);
    this.#hasWaited = false;
    if (late >= this.#lag) return step;
    this.#timer?.unsubscribe();
    this.#timer = after(this.#lag - late, this.#dial.scheduler, () => this.play());
    return undefined;
  }

  #emit(signal: RecordedSignal): void {
    const { kind } = signal;
    if (kind === 'error') {
      const { code = EPROTOCOL, errno, phase = 'read', message } = signal;
      this.#up.error(new IOStreamError(code, { phase, message, errno }));
    } else if (kind === 'complete') this.#up.complete();
    else if (kind === 'sent' && !this.#script.check) return;
    else if (kind !== 'unsubscribed' && !(this.#isClosing && (kind === 'data' || kind === 'end'))) this.#up.next(signal);
  }

  #write(bytes: Uint8Array): void {
    const { outbound, check, cut } = this.#script;
    const from = this.#written;
    this.#written += bytes.length;
    if (!check) {
      if (bytes.length > 0) this.#up.next({ kind: 'sent', bytes: bytes.length });
      return;
    }
    const known = Math.min(bytes.length, outbound.length - from);
    for (let at = 0; at < known; at += 1) {
      if (bytes[at] === outbound[from + at]) continue;
      this.#fail(
        `from byte ${from + at} on, ${show(outbound.subarray(from + at))} were recorded, and ${show(bytes.subarray(at))} were sent`,
      );
      return;
    }
    if (this.#written > outbound.length && !cut)
      this.#fail(`${outbound.length} bytes were recorded, and more were sent: ${show(bytes.subarray(known))}`);
  }

  #end(): void {
    const { outbound, check, cut, hasEnded } = this.#script;
    this.#hasEnded = true;
    if (!check || cut) return;
    if (!hasEnded) this.#fail("no 'end' was recorded, and one was sent");
    else if (this.#written < outbound.length) this.#fail(`'end' was sent after ${this.#written} of ${outbound.length} recorded bytes`);
  }

  #fail(difference: string): void {
    const { layer } = this.#dial;
    this.#up.error(
      new IOStreamError(EPROTOCOL, { phase: 'write', layer, message: `the connection differs from the recording: ${difference}` }),
    );
  }
}
