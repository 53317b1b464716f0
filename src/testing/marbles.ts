import { ownOptions } from '../wire/own-options.ts';
import type { LayerDetails, Plugin, Target, Timeouts } from '../wire/signal.ts';
import { compare } from './marbles-compare.ts';
import { readDiagram, readValues, type MarbleValue } from './marbles-diagram.ts';
import { MarbleRun } from './marbles-run.ts';
import { testDial } from './test-dial.ts';

/** A diagram of a connection through a plugin; see {@link marbles}. */
export interface MarbleTest {
  /** What is tested: a plugin, or a stack of them. */
  readonly plugin: Plugin;
  /** Four lines, `app:`, `to wire:`, `wire:`, `to app:`, under each other; an expectation that is left out is not compared. */
  readonly diagram: string;
  /**
   * What letters stand for: text (UTF-8), bytes, hex (`'0x05 01 00'`), or so many bytes `sent` (a number). A letter that is
   * not here stands for itself. @default {}
   */
  readonly values?: Readonly<Record<string, MarbleValue>> | undefined;
  /** What is dialled. @default { host: 'target.test', port: 7 } */
  readonly to?: Target | undefined;
  /** In virtual milliseconds. @default those of IOStream: handshake 30 s, establish 60 s, close 3 s */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Compare chunk by chunk, with empty ones, instead of joining the bytes of one frame. @default false */
  readonly exact?: boolean | undefined;
}

/** What is left to look at when all came as it was drawn. */
export interface MarbleResult {
  /** What the layers told when they were connected, the plugin's own first. */
  readonly details: readonly LayerDetails[];
  /** What the application's side errored with, if it did. */
  readonly error: unknown;
}

/**
 * Tests a plugin with a diagram: what the application sends and the wire answers is played to it in virtual time; what must
 * reach the wire and the application is compared.
 *
 * ```text
 *       app:  ──▶ ┌────────┐ ──▶  to wire:
 *                 │ plugin │
 *    to app:  ◀── └────────┘ ◀──  wire:
 * ```
 *
 * The lines are RxJS marbles: a character is a millisecond, `-` nothing, `(ab)` several at once (they take as many frames as
 * characters), ` 990ms ` time that passes, blanks align. Small letters and digits stand for bytes. The signals:
 *
 * | symbol | is | on |
 * |---|---|---|
 * | `C` `R` | connected, resolved | `wire`, `to app` |
 * | `S` | `sent` of all bytes given so far (others: a number in `values`) | `wire`, `to app` |
 * | `E` `T` | end (FIN), end truncated | all lines |
 * | `P` `U` | pause, resume | all lines |
 * | `\|` | the flow completes: close; Up completes | all lines |
 * | `#ECODE` | an error with this `code`; `#` alone: an error without a code | all lines; `wire` needs a code |
 * | `^` | subscribes (`app`), is dialled (`to wire`; drawn only when that is later than `app` subscribed) | `app`, `to wire` |
 * | `!` | unsubscribes (`app`), is unsubscribed (`to wire`): nothing comes any more | `app`, `to wire` |
 *
 * In one frame the wire speaks before the application. A wire whose flow errors errors with the same, as all wires do; all
 * else it does is drawn. The test ends with its longest line: what comes later is not seen, dashes say that nothing may come.
 * `asyncScheduler` and `asapScheduler` are virtual too. A plugin that waits for something outside of RxJS (a promise, Node's
 * TLS) cannot be tested so; see `checkPlugin` with `time: 'real'`.
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
 * @returns the details and the error that came up.
 * @throws Error when something else happened than was drawn: both timelines, the first difference, a hex diff of its bytes.
 * @throws TypeError when the diagram cannot be read; and what the plugin throws when it is dialled.
 */
export function marbles(test: MarbleTest): MarbleResult {
  const given = ownOptions(test, 'marbles');
  const { plugin, to = { host: 'target.test', port: 7 }, timeouts, exact = false } = given;
  const values = readValues(given.values ?? {});
  const lines = readDiagram(given.diagram, values);
  if (!lines.has('to wire') && !lines.has('to app')) {
    throw new TypeError("expected `diagram` to have a line 'to wire:' or 'to app:', got none: it could not fail");
  }
  const start = lines.get('app')?.moments.find(({ mark }) => mark.kind === 'subscribed')?.frame ?? 0;
  const end = Math.max(...[...lines.values()].map(({ length }) => length));
  const run = new MarbleRun(plugin, (scheduler) => testDial({ to, timeouts, scheduler }));
  run.play(lines, start, end);
  compare({ lines, actual: run.seen, values, exact, start, end });
  return { details: run.details, error: run.error };
}
