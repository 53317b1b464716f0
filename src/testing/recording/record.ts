import { Observable, of, tap, type OperatorFunction } from 'rxjs';
import { ownOptions } from '../../util/own-options.ts';
import { asText } from '../../util/log-format.ts';
import { recordedError, recordedSignal } from '../../wire/recorded-signal.ts';
import type { Flow, Plugin, Up } from '../../wire/signal.ts';
import type { LineName } from '../marbles/mark.ts';
import { recordingOf, type RecordedEntry, type RecordedSignal, type Recording } from './recording.ts';

/** The options of {@link record}. */
export interface RecordOptions {
  /** Called with the recording of each connection that has completed, failed or been unsubscribed. */
  readonly sink: (recording: Recording) => void;
  /** A plugin to wrap: record above and below it, in its place in the stack. @default none: records what passes here */
  readonly around?: Plugin | undefined;
  /** Maximum bytes of memory per connection: its data, plus 64 for each signal. @default 1 MiB */
  readonly limit?: number | undefined;
}

/** Bytes that each signal counts against the limit, besides its data. */
const SIGNAL_SIZE = 64;

/**
 * Creates a plugin that records each connection: bytes, directions, times and signals. A recording can be saved as text, played back
 * with `replay`, and drawn as a diagram with `toMarbles`.
 *
 * ```text
 *   record({ sink })                     record({ sink, around: plugin })
 *   application                          application
 *     │ ▲                                  │ app     ▲ to app
 *     │ │  (passes all signals)            ▼  plugin │
 *     ▼ │                                  │ to wire ▲ wire
 *   to wire, wire                          ▼         │
 * ```
 *
 * Passes all signals unchanged and without delay. Of the `details` in `connected`, only strings, numbers and booleans are recorded.
 *
 * **A recording contains everything that passed, such as passwords, cookies and handshake keys.** Below a TLS plugin it contains
 * ciphertext only. Protect it accordingly.
 *
 * **Errors**
 * - Errors that `sink` throws go to RxJS's `config.onUnhandledError`.
 *
 * **Memory**
 * - Bytes are copied. Once `limit` is reached, only the end of the connection is still recorded, and `recording.cut` is true.
 *
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { IOStream } from 'rxjs-io-stream';
 * import { record } from 'rxjs-io-stream/testing';
 *
 * const failures = record({
 *   sink: (recording) => {
 *     if (recording.entries.some(({ signal }) => signal.kind === 'error')) void writeFile('failure.txt', String(recording));
 *   },
 * });
 * new IOStream({ host: '127.0.0.1', port: 7, plugin: { failures }, cb: console.log });
 * ```
 *
 * @param options the `sink` for recordings, and what to record.
 * @throws TypeError if `sink` is not a function, or `limit` is not 0 or more.
 * @see {@link replay}, {@link toMarbles}, {@link parseRecording}.
 */
export function record(options: RecordOptions): Plugin {
  const { sink, around, limit = 2 ** 20 } = ownOptions(options, 'record', ['sink', 'around', 'limit']);
  if (typeof sink !== 'function') throw new TypeError(`expected \`sink\` of record to be a function, got ${typeof sink}`);
  if (!(typeof limit === 'number' && limit >= 0)) throw new TypeError(`expected \`limit\` of record to be 0 or more, got ${asText(limit)}`);
  return (wire) => (dial) => {
    // Dialled here too, so that an invalid dial throws at the call. A wire that is not subscribed does nothing.
    const below = (around?.(wire) ?? wire)(dial);
    return (flow$) =>
      new Observable<Up>((up) => {
        const { scheduler, id } = dial;
        const start = scheduler.now();
        const recorder = new Recorder(limit, () => scheduler.now() - start, id);
        const inner = around?.((lowest) => watch(recorder, 'to wire', 'wire', wire(lowest)))(dial);
        const watched = inner ? watch(recorder, 'app', 'to app', inner) : watch(recorder, 'to wire', 'wire', below);
        flow$.pipe(watched).subscribe(up);
        up.add(() => of(recorder.recording).subscribe(sink));
      });
  };
}

/** Records the signals at a boundary. An unsubscription is recorded before its consequences. */
function watch(recorder: Recorder, down: LineName, up: LineName, operator: OperatorFunction<Flow, Up>): OperatorFunction<Flow, Up> {
  const recordLine = <S extends Up>(line: LineName, onEnd: () => void): OperatorFunction<S, S> =>
    tap<S>({
      next: (signal) => recorder.add(line, signal),
      error: (error: unknown) => {
        onEnd();
        recorder.add(line, recordedError(error));
      },
      complete: () => {
        onEnd();
        recorder.add(line, { kind: 'complete' });
      },
    });
  return (flow$) =>
    new Observable<Up>((out) => {
      let hasEnded = false;
      out.add(() => {
        if (!hasEnded) recorder.add(down, { kind: 'unsubscribed' });
      });
      const flowBelow$ = flow$.pipe(recordLine<Flow>(down, () => undefined));
      flowBelow$
        .pipe(
          operator,
          recordLine<Up>(up, () => void (hasEnded = true)),
        )
        .subscribe(out);
    });
}

/** Records the signals of one connection, up to a limit of memory. */
export class Recorder {
  readonly #entries: RecordedEntry[] = [];
  readonly #now: () => number;
  readonly #id: number | undefined;
  /** Time of the last entry: keeps the times in order if the clock is set back. */
  #at = 0;
  #remaining: number;

  constructor(limit: number, now: () => number, id: number | undefined) {
    this.#remaining = limit;
    this.#now = now;
    this.#id = id;
  }

  add(line: LineName, signal: RecordedSignal): void {
    const { kind } = signal;
    // After the limit, record only the end.
    if (this.#remaining >= 0) this.#remaining -= SIGNAL_SIZE + (kind === 'data' ? signal.bytes.length : 0);
    if (this.#remaining < 0 && kind !== 'complete' && kind !== 'error' && kind !== 'unsubscribed') return;
    this.#at = Math.max(this.#at, this.#now());
    this.#entries.push({ at: this.#at, line, signal: copyOf(signal) });
  }

  get recording(): Recording {
    return recordingOf(this.#entries, this.#remaining < 0, this.#id);
  }
}

/** Copies a signal: bytes may be a view of a large buffer (and `Buffer.slice` returns a view), and details may hold a handle. */
function copyOf(signal: RecordedSignal): RecordedSignal {
  return signal.kind === 'data' ? { kind: 'data', bytes: new Uint8Array(signal.bytes) } : recordedSignal(signal);
}
