import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { EPROTOCOL, IOStreamError } from '../../errors.ts';
import { ownOptions } from '../../util/own-options.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import type { Dial, Flow, Up, Wire } from '../../wire/signal.ts';
import { after } from '../../util/timer.ts';
import { show } from '../bytes.ts';
import { parseRecording, type RecordedEntry, type RecordedSignal, type Recording } from './recording.ts';

/** The options of {@link replay}. */
export interface ReplayOptions {
  /**
   * Compare outbound bytes with the recording, and delay inbound signals until the bytes written before them are written again.
   * If false, accept any outbound bytes and emit `sent` for them at once. @default true
   */
  readonly check?: boolean | undefined;
}

/**
 * Creates a wire that plays a recording back: emits the recorded signals of the wire at their recorded times.
 *
 * ```text
 *   application ── Flow ──▶  compared with `to wire` of the recording
 *   application ◀── Up ────  `wire` of the recording
 * ```
 *
 * Each subscription plays the recording from the start, on the scheduler of the dial. An inbound signal is emitted only when the
 * application has written all bytes (and the end) that were recorded before it. If it writes later than recorded, all later signals
 * are delayed by the same time.
 *
 * **Errors**
 * - Errors as the recording does.
 * - Errors with EPROTOCOL, phase `write`, if the outbound bytes differ from the recording, or end or close before all of them. The message
 *   names the byte.
 * - If Flow errors, errors with the same error.
 * - Emits nothing after the point where the recording was `cut`, or where its application unsubscribed.
 *
 * **Closing**
 * - When Flow completes, plays the remaining signals without `data` and `end`, until the recording ends or `timeouts.close` has passed.
 *   Completes at once if no signals remain.
 *
 * **Backpressure**
 * - `pause` delays `data` and `end`, and thereby all later signals.
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { IOStream } from 'rxjs-io-stream';
 * import { replay } from 'rxjs-io-stream/testing';
 *
 * const wire = replay(readFileSync('failure.txt', 'utf8'));
 * new IOStream({ wire, outBuf: 'HELLO\n', cb: console.log });
 * ```
 *
 * @param recording a recording made by `record`, or its text.
 * @param options whether to compare outbound bytes.
 * @throws TypeError if the text is not a recording.
 * @see {@link record}, {@link toMarbles}.
 */
export function replay(recording: Recording | string, options: ReplayOptions = {}): Wire {
  const { check = true } = ownOptions(options, 'replay', ['check']);
  const { entries, cut } = typeof recording === 'string' ? parseRecording(recording) : recording;
  const script = scriptOf(entries, cut, check);
  return (dial) => (flow$) =>
    new Observable<Up>((up) => {
      const player = new Player(script, dial, up);
      const flow = guardedSubscriber<Flow>({
        next: (signal) => player.take(signal),
        error: (error: unknown) => up.error(error),
        complete: () => player.close(),
      });
      up.add(flow);
      up.add(() => player.free());
      flow$.subscribe(flow);
      player.play();
    });
}

interface Step {
  readonly at: number;
  readonly signal: RecordedSignal;
  /** Number of outbound bytes recorded before this signal, and whether an outbound end was. */
  readonly bytes: number;
  readonly ended: boolean;
}

interface Script {
  readonly steps: readonly Step[];
  /** All outbound bytes. */
  readonly down: Uint8Array;
  readonly ended: boolean;
  readonly cut: boolean;
  readonly check: boolean;
}

function scriptOf(entries: readonly RecordedEntry[], cut: boolean, check: boolean): Script {
  const steps: Step[] = [];
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let ended = false;
  for (const { at, line, signal } of entries) {
    if (line === 'wire') steps.push({ at, signal, bytes, ended });
    else if (line === 'to wire' && signal.kind === 'data') {
      chunks.push(signal.bytes);
      bytes += signal.bytes.length;
    } else if (line === 'to wire' && signal.kind === 'end') ended = true;
  }
  return { steps, down: concatBytes(chunks), ended, cut, check };
}

class Player {
  readonly #script: Script;
  readonly #dial: Dial;
  readonly #up: Subscriber<Up>;
  readonly #start: number;
  #next = 0;
  /** Delay against the recorded times, in ms, caused by waiting for the application. */
  #lag = 0;
  #waited = false;
  #playing = false;
  #timer: Subscription | undefined;
  #closeTimer: Subscription | undefined;
  #given = 0;
  #ended = false;
  #paused = false;
  #closing = false;

  constructor(script: Script, dial: Dial, up: Subscriber<Up>) {
    this.#script = script;
    this.#dial = dial;
    this.#up = up;
    this.#start = dial.scheduler.now();
  }

  take(signal: Flow): void {
    if (signal.kind === 'data') this.#compare(signal.bytes);
    else if (signal.kind === 'end') this.#end();
    else this.#paused = signal.kind === 'pause';
    this.play();
  }

  close(): void {
    const { down, check, cut } = this.#script;
    if (check && !cut && this.#given < down.length) this.#differ(`close came after ${this.#given} of ${down.length} bytes`);
    this.#closing = true;
    this.#closeTimer = after(this.#dial.timeouts.close, this.#dial.scheduler, () => this.#up.complete());
    this.play();
  }

  free(): void {
    this.#timer?.unsubscribe();
    this.#closeTimer?.unsubscribe();
  }

  /** Plays all steps that are due. Not reentrant: a call from inside `next` returns at once, and the outer loop continues. */
  play(): void {
    if (this.#playing) return;
    this.#playing = true;
    for (let step = this.#due(); step && !this.#up.closed; step = this.#due()) {
      this.#next += 1;
      this.#give(step.signal);
    }
    this.#playing = false;
    if (this.#closing && this.#next === this.#script.steps.length) this.#up.complete();
  }

  /** Returns the next step if it is due; otherwise schedules it, or waits for the application. */
  #due(): Step | undefined {
    const step = this.#script.steps[this.#next];
    if (!step) return undefined;
    const behind = this.#script.check && (this.#given < step.bytes || (step.ended && !this.#ended));
    const held = this.#paused && (step.signal.kind === 'data' || step.signal.kind === 'end');
    if (!this.#closing && (behind || held)) {
      this.#waited = true;
      return undefined;
    }
    const late = this.#dial.scheduler.now() - this.#start - step.at;
    if (this.#waited) this.#lag = Math.max(this.#lag, late);
    this.#waited = false;
    if (late >= this.#lag) return step;
    this.#timer?.unsubscribe();
    this.#timer = after(this.#lag - late, this.#dial.scheduler, () => this.play());
    return undefined;
  }

  #give(signal: RecordedSignal): void {
    const { kind } = signal;
    if (kind === 'error') {
      const { code = EPROTOCOL, errno, phase = 'read', message } = signal;
      this.#up.error(new IOStreamError(code, { phase, message, errno }));
    } else if (kind === 'complete') this.#up.complete();
    else if (kind === 'sent' && !this.#script.check) return;
    else if (kind !== 'unsubscribed' && !(this.#closing && (kind === 'data' || kind === 'end'))) this.#up.next(signal);
  }

  #compare(bytes: Uint8Array): void {
    const { down, check, cut } = this.#script;
    const from = this.#given;
    this.#given += bytes.length;
    if (!check) {
      if (bytes.length > 0) this.#up.next({ kind: 'sent', bytes: bytes.length });
      return;
    }
    const known = Math.min(bytes.length, down.length - from);
    for (let at = 0; at < known; at += 1) {
      if (bytes[at] === down[from + at]) continue;
      this.#differ(`from byte ${from + at} on, ${show(down.subarray(from + at))} went down then, ${show(bytes.subarray(at))} now`);
      return;
    }
    if (this.#given > down.length && !cut) this.#differ(`${down.length} bytes went down then, more now: ${show(bytes.subarray(known))}`);
  }

  #end(): void {
    const { down, check, cut, ended } = this.#script;
    this.#ended = true;
    if (!check || cut) return;
    if (!ended) this.#differ("no 'end' went down then, one now");
    else if (this.#given < down.length) this.#differ(`'end' came after ${this.#given} of ${down.length} bytes`);
  }

  #differ(how: string): void {
    const { layer } = this.#dial;
    this.#up.error(new IOStreamError(EPROTOCOL, { phase: 'write', layer, message: `this is not what was recorded: ${how}` }));
  }
}
