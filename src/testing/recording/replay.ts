import { Observable } from 'rxjs';
import { guardedSubscriber } from '../../util/guarded-subscriber.ts';
import { ownOptions } from '../../util/own-options.ts';
import type { Flow, Up, Wire } from '../../wire/signal.ts';
import { parseRecording } from './parse-recording.ts';
import { Player } from './player.ts';
import type { Recording } from './recording.ts';
import { scriptOf } from './script.ts';

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
  const script = scriptOf(typeof recording === 'string' ? parseRecording(recording) : recording, check);
  return (dial) => (flow$) =>
    new Observable<Up>((up) => {
      const player = new Player(script, dial, up);
      const flow = guardedSubscriber<Flow>({
        next: (signal) => player.onFlow(signal),
        error: (error: unknown) => up.error(error),
        complete: () => player.close(),
      });
      up.add(flow);
      up.add(() => player.stop());
      flow$.subscribe(flow);
      player.play();
    });
}
