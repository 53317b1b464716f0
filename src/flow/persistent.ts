import { asapScheduler, filter, map, ReplaySubject, Subject, Subscription, type Observable } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, IOStreamError } from '../errors.ts';
import { inWords, toBytes, type Writable } from '../stream/bytes.ts';
import { connect } from '../stream/connect.ts';
import { coreOf, type IOStream } from '../stream/io-stream.ts';
import { reportUnhandled } from '../wire/tick.ts';
import { checkOptions, DEFAULTS, type IOStreamOptions } from '../stream/options.ts';
import { after } from '../wire/timer.ts';
import { planBackoff, type BackoffOptions, type BackoffPlan } from './backoff-plan.ts';
import { PersistentWrites, type UnsentWrite } from './persistent-writes.ts';

/** When a {@link persistent} stream dials again, and what becomes of what had not left. */
export interface PersistentOptions extends BackoffOptions {
  /**
   * What becomes of writes that had not left when a connection was lost, or an attempt failed. `keep`: those of which nothing was
   * given down yet are written whole to the next connection, all others are lost; `drop`: all are lost; `error`: it ends.
   * All of it is told by `unsent$`. @default 'keep'
   */
  readonly unsent?: 'keep' | 'drop' | 'error' | undefined;
  /** A write is refused while so many bytes wait; 0 = no limit. @default 67108864 */
  readonly outBufLimit?: number | undefined;
}

/** What a {@link persistent} stream is doing. Attempts are numbered from 1 and never start again. */
export type PersistentStatus =
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'connected'; readonly attempt: number; readonly io: IOStream }
  /** The attempt, or its connection, is over, by an error or (without one) by a close; the next one begins in `delay` milliseconds. */
  | { readonly state: 'waiting'; readonly attempt: number; readonly error?: unknown; readonly delay: number }
  /** It is over: by `close()`, or by this error. */
  | { readonly state: 'closed'; readonly attempt: number; readonly error?: unknown };

/** Which writes had not left. */
export interface UnsentReport {
  /** In which attempt. */
  readonly attempt: number;
  /** What became of its connection; none: it was closed. */
  readonly error?: unknown;
  /** In the order in which they were written. */
  readonly writes: readonly UnsentWrite[];
}

/** A stream that dials again; see {@link persistent}. */
export interface Persistent {
  /** What it is doing; starts with its present value. Completes when it is over, never errors. */
  readonly status$: Observable<PersistentStatus>;
  /** The present connection, and each next one. Completes when it is closed by us; errors with the error that ended it. */
  readonly stream$: Observable<IOStream>;
  /** Which writes had not left, each time that there are any. Hot; completes when it is over. */
  readonly unsent$: Observable<UnsentReport>;
  /** True while writes should wait. Starts with its present value. */
  readonly blocked$: Observable<boolean>;
  /** Bytes of writes that have not left as a whole. */
  readonly pending: number;
  /**
   * Queues bytes for the present connection, or the next. Do not change them afterwards.
   *
   * @returns false when the caller should wait for `blocked$`, or when nothing was taken: it is over, or `outBufLimit` bytes wait
   *   (then `unsent$` tells EOUTBUFLIMIT).
   * @throws TypeError for anything that is neither a string nor a view of bytes.
   */
  write(data: Writable): boolean;
  /** Ends it for good: what can still leave by the present connection does, `unsent$` tells of the rest. */
  close(): void;
}

type Options = IOStreamOptions | ((attempt: number) => IOStreamOptions);

const POLICIES: readonly unknown[] = ['keep', 'drop', 'error'];

/**
 * Makes one stream of many connections: dials, dials again when the connection ends, and keeps what is written meanwhile.
 *
 * ```text
 *   connecting 1 ── connected 1 ──✗── waiting ── connecting 2 ──✗── waiting ── connecting 3 ── connected 3 ── close() ── closed
 *                    io ─ write ─▶                                   write ─▶ kept ─▶ io
 * ```
 *
 * - **When does it dial?** When the caller's tick is over; again after each error and each close of a connection, whoever closed
 *   it, with the waits of `backoff`. A connection that was good for `resetAfter` starts their count again.
 * - **When does it end?** By `close()`; with the last error, when `attempts` have failed in a row; by the policy `'error'`; when
 *   the `signal` of its options aborts; with a TypeError for wrong options, which no attempt would mend.
 * - **Which errors does it try again after?** All others: it does not judge. A wrong certificate (ETLSCERT) or password
 *   (EPROXYAUTH) is tried until `attempts` have failed, which is for ever by default. To stop there, `close()` when `status$`
 *   tells of such an error, or throw a TypeError from the function that makes the options.
 * - **How is it read?** By `stream$`: the bytes of two connections do not belong together. An error of a connection ends what reads
 *   from it, so catch it inside; it is told by `status$`.
 * - **What if you write while there is no connection?** It waits for the next one, behind what is kept. Greet in a subscriber of
 *   `stream$`, by `io.write`: what is written there at once leaves before all that waits. A login with replies is a `handshake`.
 * - **What is sent twice?** Nothing. A write is kept only if none of it was given down to the wire and its plugins. Of one that was
 *   given down and has not left as a whole, nobody knows how much has: at least `left`, at most `given` bytes. It is not sent again,
 *   only told (`kept: false`); write it again if that does no harm. What has left for the kernel is not told: whether the peer got
 *   it, only the peer's answer says.
 * - **What if you write to `io` itself?** That belongs to this connection, and goes between writes.
 *
 * An error that ends it and that nobody hears (no subscriber of `status$` or `stream$`) goes to RxJS's `config.onUnhandledError`.
 * Time passes on `scheduler`. Memory: `outBufLimit`. Lossless but for what `unsent$` tells.
 *
 * ```ts
 * import { framed, lines, persistent } from 'rxjs-io-stream';
 * import { catchError, EMPTY, switchMap } from 'rxjs';
 *
 * const hosts = ['10.0.0.1', '10.0.0.2'];
 * const feed = persistent((attempt) => ({ host: hosts[attempt % 2] ?? '', port: 7000 }), { max: 10_000, unsent: 'keep' });
 * feed.status$.subscribe(({ state, attempt }) => console.log(state, attempt));
 * feed.unsent$.subscribe(({ writes }) => console.log('lost', writes.filter(({ kept }) => !kept)));
 * feed.stream$
 *   .pipe(switchMap((io) => framed(io, lines({ maxLength: 4096 })).messages$.pipe(catchError(() => EMPTY))))
 *   .subscribe(console.log);
 * feed.write('hello\n');
 * ```
 *
 * @param options as for `IOStream`, or a function that makes them anew for each attempt, by its number; what it throws, but for
 *   a TypeError, is a failed attempt.
 * @throws TypeError for wrong options.
 */
export function persistent(options: Options, settings: PersistentOptions = {}): Persistent {
  if (typeof options !== 'function') checkOptions(options);
  const plan = planBackoff(settings, { resetAfter: 10_000 });
  const { unsent = 'keep', outBufLimit = DEFAULTS.outBufLimit } = settings;
  if (!POLICIES.includes(unsent)) throw new TypeError(`expected \`unsent\` to be 'keep', 'drop' or 'error', got ${inWords(unsent)}`);
  if (!(Number.isSafeInteger(outBufLimit) && outBufLimit >= 0))
    throw new TypeError(`expected \`outBufLimit\` to be a number of bytes, 0 for no limit, got ${inWords(outBufLimit)}`);
  return new Life(options, plan, unsent, outBufLimit === 0 ? Infinity : outBufLimit);
}

class Life implements Persistent {
  readonly status$: Observable<PersistentStatus>;
  readonly stream$: Observable<IOStream>;
  readonly unsent$: Observable<UnsentReport>;
  readonly blocked$: Observable<boolean>;
  readonly #options: Options;
  readonly #plan: BackoffPlan;
  readonly #policy: 'keep' | 'drop' | 'error';
  readonly #limit: number;
  readonly #status = new ReplaySubject<PersistentStatus>(1);
  readonly #unsent = new Subject<UnsentReport>();
  readonly #writes = new PersistentWrites();
  /** The present attempt, or the wait for the next. */
  #present = new Subscription();
  #attempt = 0;
  /** Attempts that failed in a row. */
  #failures = 0;
  #connectedAt: number | undefined;
  #io: IOStream | undefined;
  #signal: AbortSignal | undefined;
  #closing = false;
  #over = false;

  constructor(options: Options, plan: BackoffPlan, policy: 'keep' | 'drop' | 'error', limit: number) {
    this.#options = options;
    this.#plan = plan;
    this.#policy = policy;
    this.#limit = limit;
    this.status$ = this.#status.asObservable();
    this.unsent$ = this.#unsent.asObservable();
    this.blocked$ = this.#writes.blocked$.asObservable();
    this.stream$ = this.#status.pipe(
      map((status) => {
        if (status.state === 'closed' && 'error' in status) throw status.error;
        return status.state === 'connected' ? status.io : undefined;
      }),
      filter((io) => io !== undefined),
    );
    this.#present.add(asapScheduler.schedule(() => this.#dial()));
  }

  get pending(): number {
    return this.#writes.pending;
  }

  write(data: Writable): boolean {
    const bytes = toBytes(data, 'the data of write()');
    if (this.#closing || this.#over) return false;
    if (this.pending >= this.#limit) {
      const { length } = bytes;
      const message = `expected less than outBufLimit = ${this.#limit} bytes to be waiting, got ${this.pending}; the write of ${length} bytes was refused: wait for blocked$`;
      const error = new IOStreamError(EOUTBUFLIMIT, { phase: 'write', message });
      const report = { attempt: this.#attempt, error, writes: [{ data, length, left: 0, given: 0, kept: false }] };
      asapScheduler.schedule(() => this.#unsent.next(report));
      return false;
    }
    if (bytes.length > 0) this.#writes.push(data, bytes);
    return !this.#writes.blocked$.value;
  }

  close(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    if (this.#io) {
      // Not yet, if it is closed by who is just told of the connection.
      this.#writes.attach(coreOf(this.#io));
      this.#writes.flush();
      this.#io.close(); // `#ended` when its handle is free
    } else {
      this.#present.unsubscribe();
      this.#finish({});
    }
  }

  #dial(): void {
    this.#attempt += 1;
    this.#connectedAt = undefined;
    const attempt = this.#attempt;
    this.#status.next({ state: 'connecting', attempt });
    if (this.#closing) return;
    const options = (): IOStreamOptions => {
      const made = typeof this.#options === 'function' ? this.#options(attempt) : this.#options;
      this.#signal = made.signal;
      return made;
    };
    this.#present = new Subscription();
    this.#present.add(
      connect(options).subscribe({
        next: (io) => this.#connected(io),
        error: (error: unknown) => this.#ended({ error }),
        complete: () => this.#ended({}),
      }),
    );
  }

  #connected(io: IOStream): void {
    this.#io = io;
    this.#connectedAt = this.#plan.scheduler.now();
    // Who hears of it may greet before what waits is sent.
    this.#status.next({ state: 'connected', attempt: this.#attempt, io });
    if (this.#io === io) this.#writes.attach(coreOf(io));
  }

  /** The attempt failed, or its connection is over. */
  #ended(end: { readonly error?: unknown }): void {
    const { scheduler, resetAfter } = this.#plan;
    const wasGood = this.#connectedAt !== undefined && scheduler.now() - this.#connectedAt >= resetAfter;
    this.#failures = wasGood ? 1 : this.#failures + 1;
    this.#io = undefined;
    if (this.#closing) {
      this.#finish(end);
      return;
    }
    const delay = this.#plan.delay(this.#failures);
    const hopeless = delay === undefined || end.error instanceof TypeError || this.#signal?.aborted === true;
    if (hopeless || (this.#policy === 'error' && this.pending > 0)) {
      this.#finish({ error: end.error ?? gone(this.#attempt) });
      return;
    }
    this.#report(end, this.#policy === 'keep');
    if (this.#over) return; // closed by who was told
    this.#present = new Subscription();
    this.#present.add(after(delay, scheduler, () => this.#dial()));
    this.#status.next({ state: 'waiting', attempt: this.#attempt, ...end, delay });
  }

  #report(end: { readonly error?: unknown }, keep: boolean): void {
    const wasConnected = this.#connectedAt !== undefined;
    const writes = this.#writes.detach(keep);
    // An attempt that never was connected has not lost what is kept.
    if (writes.some(({ kept }) => wasConnected || !kept)) this.#unsent.next({ attempt: this.#attempt, ...end, writes });
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#over = true;
    this.#present.unsubscribe();
    this.#report(end, false);
    const heard = this.#status.observed;
    this.#status.next({ state: 'closed', attempt: this.#attempt, ...end });
    this.#status.complete();
    this.#unsent.complete();
    this.#writes.blocked$.complete();
    if ('error' in end && !heard && !this.#closing) reportUnhandled(end.error);
  }
}

function gone(attempt: number): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'close', message: `expected a connection that lasts, that of attempt ${attempt} was closed` });
}
