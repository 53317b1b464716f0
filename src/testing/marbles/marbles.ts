import { ownOptions } from '../../util/own-options.ts';
import type { LayerDetails, Plugin, Target, Timeouts } from '../../wire/signal.ts';
import { compare } from './compare.ts';
import { readDiagram } from './diagram.ts';
import { MarbleRun } from './marble-run.ts';
import { savePicture } from '../picture/save-picture.ts';
import { testDial } from '../test-dial.ts';
import type { MarbleTimeline } from './timelines.ts';
import { readValues, type MarbleValue } from './values.ts';

/** The test that {@link marbles} runs: a diagram of a connection through a plugin. */
export interface MarbleTest {
  /** The plugin under test, or a stack of plugins. */
  readonly plugin: Plugin;
  /** Lines `app:`, `to wire:`, `wire:`, `to app:`. `to wire` and `to app` are expectations; one that is omitted is not compared. */
  readonly diagram: string;
  /**
   * The value of each letter: text (UTF-8), bytes, hex (`'0x05 01 00'`), or a number for `sent` of that many bytes. A letter without a
   * value stands for itself. @default {}
   */
  readonly values?: Readonly<Record<string, MarbleValue>> | undefined;
  /** The target to dial. @default { host: 'target.test', port: 7 } */
  readonly to?: Target | undefined;
  /** Timeouts in virtual ms. @default those of IOStream: handshake 30 s, establish 60 s, close 3 s */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Compare chunk by chunk, including empty chunks, instead of joining the bytes of one frame. @default false */
  readonly exact?: boolean | undefined;
}

/** The facts of a run that matched its diagram. */
export interface MarbleResult {
  /** The `details` of `connected`: the plugin's own first. */
  readonly details: readonly LayerDetails[];
  /** The error that reached the application, if any. */
  readonly error: unknown;
  /** The lines of the diagram as they were played, expected and received. */
  readonly timelines: readonly MarbleTimeline[];
}

/**
 * Tests a plugin with a diagram. Plays the signals of the application and the wire in virtual time, and compares what reaches the
 * wire and the application.
 *
 * ```text
 *       app:  ──▶ ┌────────┐ ──▶  to wire:
 *                 │ plugin │
 *    to app:  ◀── └────────┘ ◀──  wire:
 * ```
 *
 * The lines are RxJS marbles. A character is 1 ms, `-` is an empty frame, and ` 990ms ` lets time pass. `(ab)` is several signals in
 * one frame, and takes as many frames as characters. Blanks align. Lowercase letters and digits are bytes.
 *
 * - `C` connected, `R` resolved, `S` sent, `E` end (FIN), `T` truncated end, `P` pause, `U` resume.
 * - `|` completes, `#ECODE` errors, `^` subscribes, `!` unsubscribes.
 *
 * Draw everything that the wire does. The test ends with its longest line. Trailing dashes assert that nothing is emitted.
 *
 * ```ts
 * import { handshake } from 'rxjs-io-stream';
 * import { marbles } from 'rxjs-io-stream/testing';
 *
 * const knock = handshake({
 *   *talk(link) {
 *     link.send('KNOCK\n');
 *     yield* link.readUntil('\n', 256);
 *   },
 * });
 * marbles({
 *   plugin: knock,
 *   values: { k: 'KNOCK\n', w: 'COME IN\n', h: 'hello' },
 *   diagram: `
 *     app:      ----h-----E-
 *     to wire:  -k----h---E-
 *     wire:     -C----w-E---
 *     to app:   ------C-E---
 *   `,
 * });
 * ```
 *
 * With the environment variable `MARBLES_SVG=FOLDER`, a failed test writes its picture there, and names the file in the message.
 *
 * @param test the plugin, the diagram and its values.
 * @returns the details and the error that reached the application, and the timelines of the run.
 * @throws Error if the run differs from the diagram: with both timelines, the first difference, and a hex diff of its bytes. It is a
 *   {@link MarbleFailure}: its `timelines` are for programs that draw them.
 * @throws TypeError if the diagram is invalid. Rethrows what the plugin throws when dialled.
 * @see docs/guides/testing.md for each symbol, {@link toSvg}, {@link toMarbles}, {@link checkPlugin}.
 */
export function marbles(test: MarbleTest): MarbleResult {
  const own = ownOptions(test, 'marbles');
  const { plugin, to = { host: 'target.test', port: 7 }, timeouts, exact = false } = own;
  const values = readValues(own.values ?? {});
  const lines = readDiagram(own.diagram, values);
  if (!lines.has('to wire') && !lines.has('to app')) {
    throw new TypeError("expected `diagram` to have a line 'to wire:' or 'to app:', got none: it could not fail");
  }
  const start = lines.get('app')?.moments.find(({ mark }) => mark.kind === 'subscribed')?.frame ?? 0;
  const end = Math.max(...[...lines.values()].map(({ length }) => length));
  const run = new MarbleRun(plugin, (scheduler) => testDial({ to, timeouts, scheduler }));
  run.play(lines, start, end);
  const timelines = compare({ lines, actual: run.outputs, values, exact, start, end, onDifference: savePicture });
  return { details: run.details, error: run.error, timelines };
}
