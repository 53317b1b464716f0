import { Observable, of, tap, type OperatorFunction } from 'rxjs';
import type { Phase } from '../errors.ts';
import { ownOptions } from '../wire/own-options.ts';
import { asText, errorFacts, plainDetails } from '../wire/in-log.ts';
import type { Flow, Plugin, Up } from '../wire/signal.ts';
import type { LineName } from './marbles-diagram.ts';
import { recordingOf, type RecordedEntry, type RecordedSignal, type Recording } from './recording.ts';

/** How {@link record} records. */
export interface RecordOptions {
  /** Called with each recording when its connection is over: completed, failed or unsubscribed. */
  readonly sink: (recording: Recording) => void;
  /** Records above and below this plugin, which takes its place in the stack. @default none: records what passes here */
  readonly around?: Plugin | undefined;
  /** Bytes in memory for each connection at most: those of its data, and 64 for each signal. @default 1 MiB */
  readonly limit?: number | undefined;
}

/** What a signal counts against the limit besides its bytes. */
const SIGNAL = 64;

/**
 * Makes a plugin that writes each connection down: bytes, directions, times and signals. A recording can be kept as text,
 * played back with `replay`, and made a diagram with `toMarbles`.
 *
 * ```text
 *   record({ sink })                     record({ sink, around: plugin })
 *   application                          application
 *     │ ▲                                  │ app     ▲ to app
 *     │ │  (passes everything on)          ▼  plugin │
 *     ▼ │                                  │ to wire ▲ wire
 *   to wire, wire                          ▼         │
 * ```
 *
 * Changes nothing, holds nothing back. When the limit is reached only the end of the connection is still written down, and the
 * recording says that it was `cut`. The bytes are copied; of what layers tell in `connected` only text, numbers and booleans
 * are kept. What the sink throws goes to RxJS's `config.onUnhandledError`.
 *
 * **A recording holds all that passed: passwords, cookies, keys of a handshake.** Below a TLS plugin it holds cipher text only.
 * Keep it as you would keep what it holds.
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
 * @throws TypeError when `sink` is no function, or `limit` no number of bytes.
 */
export function record(options: RecordOptions): Plugin {
  const { sink, around, limit = 2 ** 20 } = ownOptions(options, 'record', ['sink', 'around', 'limit']);
  if (typeof sink !== 'function') throw new TypeError(`expected \`sink\` of record to be a function, got ${typeof sink}`);
  if (!(typeof limit === 'number' && limit >= 0)) throw new TypeError(`expected \`limit\` of record to be 0 or more, got ${asText(limit)}`);
  return (wire) => (dial) => {
    // Dialled here as well: what is wrong with the dial is thrown at the call. A wire that nobody subscribes does nothing.
    const below = (around?.(wire) ?? wire)(dial);
    return (flow$) =>
      new Observable<Up>((up) => {
        const { scheduler } = dial;
        const start = scheduler.now();
        const tape = new Tape(limit, () => scheduler.now() - start);
        const inner = around?.((lowest) => watch(tape, 'to wire', 'wire', wire(lowest)))(dial);
        const watched = inner ? watch(tape, 'app', 'to app', inner) : watch(tape, 'to wire', 'wire', below);
        flow$.pipe(watched).subscribe(up);
        up.add(() => of(tape.recording).subscribe(sink));
      });
  };
}

/** Notes what passes a boundary; the one who unsubscribes is noted before what follows from it. */
function watch(tape: Tape, down: LineName, up: LineName, operator: OperatorFunction<Flow, Up>): OperatorFunction<Flow, Up> {
  const noted = <S extends Up>(line: LineName, ended: () => void): OperatorFunction<S, S> =>
    tap<S>({
      next: (signal) => tape.note(line, signal),
      error: (error: unknown) => {
        ended();
        tape.note(line, errorOf(error));
      },
      complete: () => {
        ended();
        tape.note(line, { kind: 'complete' });
      },
    });
  return (flow$) =>
    new Observable<Up>((out) => {
      let over = false;
      out.add(() => {
        if (!over) tape.note(down, { kind: 'unsubscribed' });
      });
      const flowBelow$ = flow$.pipe(noted<Flow>(down, () => undefined));
      flowBelow$
        .pipe(
          operator,
          noted<Up>(up, () => void (over = true)),
        )
        .subscribe(out);
    });
}

class Tape {
  readonly #entries: RecordedEntry[] = [];
  readonly #now: () => number;
  /** When the last one passed: a clock that is set back must not change the order. */
  #at = 0;
  #room: number;

  constructor(limit: number, now: () => number) {
    this.#room = limit;
    this.#now = now;
  }

  note(line: LineName, signal: RecordedSignal): void {
    const { kind } = signal;
    // Once something is missing all is, but for the end.
    if (this.#room >= 0) this.#room -= SIGNAL + (kind === 'data' ? signal.bytes.length : 0);
    if (this.#room < 0 && kind !== 'complete' && kind !== 'error' && kind !== 'unsubscribed') return;
    this.#at = Math.max(this.#at, this.#now());
    this.#entries.push({ at: this.#at, line, signal: kept(signal) });
  }

  get recording(): Recording {
    return recordingOf(this.#entries, this.#room < 0);
  }
}

/** A copy: the bytes may be a view of a large buffer (whose `slice` would be one too), and details may hold a handle. */
function kept(signal: RecordedSignal): RecordedSignal {
  if (signal.kind === 'data') return { kind: 'data', bytes: new Uint8Array(signal.bytes) };
  if (signal.kind !== 'connected') return signal;
  return { kind: 'connected', details: signal.details.map(plainDetails) };
}

function errorOf(error: unknown): RecordedSignal {
  const { errno = 0, phase, ...facts } = errorFacts(error);
  return { kind: 'error', code: facts.code, errno, phase: phase as Phase | undefined, message: facts.message };
}
