import { isObservable, NEVER } from 'rxjs';
import { DEFAULTS } from '../stream/options.ts';
import { describeValue } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import { isCount, isTime } from '../util/value-tests.ts';
import { BACKOFF_NAMES } from './backoff-options.ts';
import { planBackoff } from './backoff-plan.ts';
import type { Persistent, PersistentOptions, PersistentTarget } from './persistent-types.ts';
import { ReconnectingStream } from './reconnecting-stream.ts';
import { targetsOf } from './targets-of.ts';

const NAMES = ['unsent', 'repeat', 'outBufLimit', 'dial', 'wake$', 'idleClose', 'maxSilence', 'preferAfter'] as const;

/**
 * Creates a stream that reconnects when its connection ends, and queues writes until there is a connection.
 *
 * ```text
 *   connecting 1 ── connected 1 ──✗── waiting ── connecting 2 ──✗── waiting ── connecting 3 ── connected 3 ── close() ── closed
 *                    io ─ write ─▶                                   write ─▶ kept ─▶ io
 *
 *   with dial: 'demand' and idleClose:   idle ── write ── connecting ── connected ── idleClose ── idle ── write ── …
 * ```
 *
 * Connects at the end of the caller's tick, or on demand. Read messages with `framed` or `requests`, which continue on the next
 * connection, and bytes with `stream$`.
 *
 * **Errors**
 * - Reconnects after any error, with the delays of `backoff`, unless `retryIf` returns false. Tries the next target at once.
 * - A TypeError or an abort of `signal` ends it at once.
 * - An error also ends the readers of its connection: catch it there, or `retry()`.
 * - A final error with no subscriber of `status$`, `stream$` or messages goes to `config.onUnhandledError`.
 *
 * **Closing**
 * - Ends by `close()`, after `attempts` failures in a row, by `retryIf`, or by `unsent: 'error'`.
 * - Reconnects also after a close without an error, by either side, unless `repeat` is false.
 * - `idleClose` ends our direction, and reads until the peer ends.
 *
 * **Backpressure**
 * - Writes are queued in order, also between connections. Nothing is sent twice.
 * - A write in flight when the connection is lost is reported by `unsent$` (`kept: false`), not repeated.
 *
 * **Memory**
 * - At most `outBufLimit` pending bytes plus one write.
 *
 * ```ts
 * import { framed, lines, persistent } from 'rxjs-io-stream';
 *
 * const targets = ['10.0.0.1', '10.0.0.2'].map((host) => ({ host, port: 7000 }));
 * const feed = persistent(targets, { max: 10_000, unsent: 'keep' });
 * feed.status$.subscribe(({ state, target, error }) => console.log(state, target?.host, error));
 * feed.unsent$.subscribe(({ writes }) => console.log('lost', writes.filter(({ kept }) => !kept)));
 * const { messages$, write } = framed(feed, lines({ maxLength: 4096 }));
 * messages$.subscribe(console.log);
 * write('hello');
 * ```
 *
 * @param target options as for `IOStream`, a list of them in the order of preference, or a function of the attempt number.
 * @param settings delays in milliseconds, when to dial, and the policy for unsent writes.
 * @returns the stream.
 * @throws TypeError for wrong options.
 * @see docs/guides/reconnecting.md, {@link backoff} for the same delays with RxJS's `retry`.
 */
export function persistent(target: PersistentTarget, settings: PersistentOptions = {}): Persistent {
  const targets = targetsOf(target);
  const given = ownOptions(settings, 'persistent', [...BACKOFF_NAMES, ...NAMES]);
  const plan = planBackoff(given, { resetAfter: 10_000 });
  const { unsent = 'keep', repeat = true, outBufLimit = DEFAULTS.outBufLimit, dial = 'now', wake$ = NEVER } = given;
  const { idleClose = Infinity, maxSilence = Infinity, preferAfter = 30_000 } = given;
  expectOption('unsent', ['keep', 'drop', 'error'].includes(unsent), "'keep', 'drop' or 'error'", unsent);
  expectOption('repeat', typeof (repeat as unknown) === 'boolean', 'true or false', repeat);
  expectOption('outBufLimit', isCount(outBufLimit), 'a number of bytes, 0 for no limit', outBufLimit);
  expectOption('dial', ['now', 'demand'].includes(dial), "'now' or 'demand'", dial);
  expectOption('wake$', isObservable(wake$), "an Observable, such as fromEvent(window, 'online')", wake$);
  expectOption('idleClose', isTime(idleClose), 'milliseconds, 0 or Infinity for never', idleClose);
  expectOption('maxSilence', isTime(maxSilence), 'milliseconds, 0 or Infinity for never', maxSilence);
  expectOption('preferAfter', isTime(preferAfter), 'milliseconds, 0 or more', preferAfter);
  return new ReconnectingStream({
    ...plan,
    ...targets,
    unsent,
    repeat,
    outBufLimit: outBufLimit === 0 ? Infinity : outBufLimit,
    dial,
    wake$,
    idleClose: idleClose === 0 ? Infinity : idleClose,
    maxSilence: maxSilence === 0 ? Infinity : maxSilence,
    preferAfter,
  });
}

function expectOption(name: string, holds: boolean, words: string, got: unknown): void {
  if (!holds) throw new TypeError(`expected \`${name}\` to be ${words}, got ${describeValue(got)}`);
}
