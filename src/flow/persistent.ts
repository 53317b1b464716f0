import { isObservable } from 'rxjs';
import { inWords } from '../stream/bytes.ts';
import { IOStream } from '../stream/io-stream.ts';
import { checkOptions, DEFAULTS, type IOStreamOptions } from '../stream/options.ts';
import { ownOptions } from '../wire/own-options.ts';
import { BACKOFF_NAMES, planBackoff } from './backoff-plan.ts';
import type { Persistent, PersistentOptions, PersistentTarget } from './persistent-types.ts';
import { ReconnectingStream } from './reconnecting-stream.ts';

export type { Persistent, PersistentOptions, PersistentStatus, PersistentTarget, UnsentReport } from './persistent-types.ts';

const NAMES = [...BACKOFF_NAMES, 'unsent', 'repeat', 'outBufLimit'] as const;
const POLICIES: readonly unknown[] = ['keep', 'drop', 'error'];

/**
 * Makes one stream of many connections: dials, dials again when a connection ends, and keeps what is written meanwhile.
 *
 * ```text
 *   connecting 1 ── connected 1 ──✗── waiting ── connecting 2 ──✗── waiting ── connecting 3 ── connected 3 ── close() ── closed
 *                    io ─ write ─▶                                   write ─▶ kept ─▶ io
 * ```
 *
 * - **When does it dial?** At the end of the caller's tick; again after each error and each close of a connection, by the peer
 *   or by us, with the waits of `backoff`. Readers come first: after an error it waits until they have read what came before. With `repeat: false` a connection that ends without an error is the last one. A
 *   connection that lasted for `resetAfter` resets the count of failures.
 * - **When does it end?** By `close()`; with the last error, when `attempts` have failed in a row or `retryIf` returns false; by
 *   the policy `'error'`; when the `signal` of its options aborts, at once; with a TypeError for wrong options, which no attempt
 *   mends.
 * - **Which errors does it try again after?** All others, unless `retryIf(error, report)` returns false. By default a wrong
 *   certificate (ETLSCERT) or password (EPROXYAUTH) is tried until `attempts` have failed.
 * - **How is it read?** As messages, by `framed(line, codec)` and `requests` over it: they go on with the next connection. As bytes,
 *   by `stream$`: the bytes of two connections do not belong together. An error of a connection ends what reads from it, so
 *   catch it inside, or `retry()`: `stream$` never emits a closed stream. `status$` reports the error too.
 * - **What if you write while there is no connection?** It waits for the next one, behind what is kept. Greet the peer in a
 *   subscriber of `stream$`, by `io.write`: what is written there at once is sent before all that waits. A login with replies is
 *   a `handshake`.
 * - **What is sent twice?** Nothing. A write is kept only if none of it was written to the wire and its plugins. One that was
 *   written and not sent as a whole may have been sent in part: at least `left`, at most `given` bytes. It is reported
 *   (`kept: false`) and not sent again; write it again if that does no harm. A write that was sent is not reported: only an
 *   answer of the peer says whether it arrived.
 * - **What if you write to `io` itself?** That belongs to this connection, and goes between writes.
 *
 * An error that ends it, and that no subscriber of `status$`, `stream$` or its messages gets, goes to RxJS's
 * `config.onUnhandledError`. Time passes on `scheduler`. Memory: `outBufLimit`. Lossless but for what `unsent$` reports.
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
 * @param options as for `IOStream`, or a function that makes them for each attempt, by its number. What it throws, but for
 *   a TypeError, is a failed attempt.
 * @throws TypeError for wrong options.
 * @see {@link backoff}, the same waits for RxJS's `retry`.
 */
export function persistent(options: PersistentTarget, settings: PersistentOptions = {}): Persistent {
  const target = typeof options === 'function' ? made(options) : checkTarget(options);
  const given = ownOptions(settings, 'persistent', NAMES);
  const plan = planBackoff(given, { resetAfter: 10_000 });
  const { unsent = 'keep', repeat = true, outBufLimit = DEFAULTS.outBufLimit } = given;
  if (!POLICIES.includes(unsent)) throw new TypeError(`expected \`unsent\` to be 'keep', 'drop' or 'error', got ${inWords(unsent)}`);
  if (typeof (repeat as unknown) !== 'boolean') throw new TypeError(`expected \`repeat\` to be true or false, got ${inWords(repeat)}`);
  if (!(Number.isSafeInteger(outBufLimit) && outBufLimit >= 0))
    throw new TypeError(`expected \`outBufLimit\` to be a number of bytes, 0 for no limit, got ${inWords(outBufLimit)}`);
  return new ReconnectingStream(target, { ...plan, unsent, repeat, outBufLimit: outBufLimit === 0 ? Infinity : outBufLimit });
}

function made(make: (attempt: number) => IOStreamOptions): PersistentTarget {
  return (attempt) => {
    const options = make(attempt);
    checkTarget(options);
    return options;
  };
}

/** Copies the options of a connection. Names what is no target, and what to write instead. */
function checkTarget(target: IOStreamOptions): IOStreamOptions {
  const expected = 'expected persistent() to get the options of a connection, or a function that returns them';
  const instead = 'write persistent({ host, port }), it connects by itself';
  if (isObservable(target)) throw new TypeError(`${expected}, got an Observable; ${instead}`);
  if (target instanceof IOStream || target instanceof ReconnectingStream) throw new TypeError(`${expected}, got a stream; ${instead}`);
  if (isPromise(target))
    throw new TypeError(`${expected}, got a Promise; a function that needs time to make them belongs before persistent()`);
  return checkOptions(target);
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
