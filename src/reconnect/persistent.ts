import { isObservable } from 'rxjs';
import { checkStreamOptions } from '../stream/check-stream-options.ts';
import { IOStream, type IOStreamOptions } from '../stream/io-stream.ts';
import { DEFAULTS } from '../stream/options.ts';
import { describeValue } from '../util/describe.ts';
import { ownOptions } from '../util/own-options.ts';
import { BACKOFF_NAMES } from './backoff-options.ts';
import { planBackoff } from './backoff-plan.ts';
import type { Persistent, PersistentOptions, PersistentTarget } from './persistent-types.ts';
import { ReconnectingStream } from './reconnecting-stream.ts';

const NAMES = [...BACKOFF_NAMES, 'unsent', 'repeat', 'outBufLimit'] as const;
const POLICIES: readonly unknown[] = ['keep', 'drop', 'error'];

/**
 * Creates a stream that reconnects when its connection ends, and queues writes until there is a connection.
 *
 * ```text
 *   connecting 1 ── connected 1 ──✗── waiting ── connecting 2 ──✗── waiting ── connecting 3 ── connected 3 ── close() ── closed
 *                    io ─ write ─▶                                   write ─▶ kept ─▶ io
 * ```
 *
 * Connects at the end of the caller's tick. Read messages with `framed` or `requests`, which continue on the next connection,
 * and bytes with `stream$`.
 *
 * **Errors**
 * - Reconnects after any error, with the delays of `backoff`, unless `retryIf` returns false.
 * - A TypeError or an abort of `signal` ends it at once.
 * - An error also ends the readers of its connection: catch it there, or `retry()`.
 * - A final error with no subscriber of `status$`, `stream$` or messages goes to `config.onUnhandledError`.
 *
 * **Closing**
 * - Ends by `close()`, after `attempts` failures in a row, by `retryIf`, or by `unsent: 'error'`.
 * - Reconnects also after a close without an error, by either side, unless `repeat` is false.
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
 * const hosts = ['10.0.0.1', '10.0.0.2'];
 * const feed = persistent((attempt) => ({ host: hosts[attempt % 2] ?? '', port: 7000 }), { max: 10_000, unsent: 'keep' });
 * feed.status$.subscribe(({ state, attempt }) => console.log(state, attempt));
 * feed.unsent$.subscribe(({ writes }) => console.log('lost', writes.filter(({ kept }) => !kept)));
 * const { messages$, write } = framed(feed, lines({ maxLength: 4096 }));
 * messages$.subscribe(console.log);
 * write('hello');
 * ```
 *
 * @param options as for `IOStream`, or a function that returns them for each attempt number.
 * @param settings delays, in milliseconds on `scheduler`, and the policy for unsent writes.
 * @returns the stream; it connects by itself.
 * @throws TypeError for wrong options.
 * @see docs/guides/reconnecting.md for logins and unsent writes, {@link backoff} for the same delays with RxJS's `retry`.
 */
export function persistent(options: PersistentTarget, settings: PersistentOptions = {}): Persistent {
  const target = typeof options === 'function' ? made(options) : checkTarget(options);
  const given = ownOptions(settings, 'persistent', NAMES);
  const plan = planBackoff(given, { resetAfter: 10_000 });
  const { unsent = 'keep', repeat = true, outBufLimit = DEFAULTS.outBufLimit } = given;
  if (!POLICIES.includes(unsent)) throw new TypeError(`expected \`unsent\` to be 'keep', 'drop' or 'error', got ${describeValue(unsent)}`);
  if (typeof (repeat as unknown) !== 'boolean')
    throw new TypeError(`expected \`repeat\` to be true or false, got ${describeValue(repeat)}`);
  if (!(Number.isSafeInteger(outBufLimit) && outBufLimit >= 0))
    throw new TypeError(`expected \`outBufLimit\` to be a number of bytes, 0 for no limit, got ${describeValue(outBufLimit)}`);
  return new ReconnectingStream(target, { ...plan, unsent, repeat, outBufLimit: outBufLimit === 0 ? Infinity : outBufLimit });
}

function made(make: (attempt: number) => IOStreamOptions): PersistentTarget {
  return (attempt) => {
    const options = make(attempt);
    checkTarget(options);
    return options;
  };
}

/** Copies the options of a connection. For a wrong value, throws a TypeError with what to write instead. */
function checkTarget(target: IOStreamOptions): IOStreamOptions {
  const expected = 'expected persistent() to get the options of a connection, or a function that returns them';
  const instead = 'write persistent({ host, port }), it connects by itself';
  if (isObservable(target)) throw new TypeError(`${expected}, got an Observable; ${instead}`);
  if (target instanceof IOStream || target instanceof ReconnectingStream) throw new TypeError(`${expected}, got a stream; ${instead}`);
  if (isPromise(target))
    throw new TypeError(`${expected}, got a Promise; a function that needs time to make them belongs before persistent()`);
  return checkStreamOptions(target);
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
