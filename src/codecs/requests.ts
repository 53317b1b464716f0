import { Observable, Subject, type Subscriber, type Subscription } from 'rxjs';
import { ECLOSED, EOUTBUFLIMIT, EPROTOCOL, IOStreamError } from '../errors.ts';
import { inWords } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';
import { coreOf } from '../stream/io-stream.ts';
import { inlet } from '../wire/operate.ts';
import { after } from '../wire/timer.ts';
import type { Framed } from './framed.ts';
import { refusalOf } from './message-writer.ts';
import { subscribeFor } from './messages.ts';

/** How {@link requests} finds the request that a message answers. */
export interface RequestsOptions<T, W> {
  /**
   * Gives the id of a request and that of its reply, which are compared as keys of a `Map`; `undefined` for a message that is no
   * reply. @default replies come in the order of the requests
   */
  readonly match?: ((message: T | W) => unknown) | undefined;
  /** How long a reply may take, in milliseconds, counted for each request from its own start; 0 or Infinity = for ever. @default 30000 */
  readonly timeout?: number | undefined;
  /** How many requests may wait for their replies, those given up included. @default 10000 */
  readonly maxPending?: number | undefined;
}

/** Requests and their replies; see {@link requests}. */
export interface Requests<T, W = T> {
  /** Sends a request when it is subscribed, each time; emits its reply and completes. */
  request(message: W): Observable<T>;
  /** What answers no request: pushes of the peer. Hot: what comes while nobody listens is gone. Ends like the stream. */
  readonly unmatched$: Observable<T>;
  /** How many requests wait for their replies, those given up included. */
  readonly pending: number;
}

/** What requests need of a {@link Framed}. */
type Below<T, W> = Pick<Framed<T, W>, 'io' | 'messages$' | 'write'>;

interface Settings<T, W> {
  readonly match: RequestsOptions<T, W>['match'];
  readonly timeout: number;
  readonly maxPending: number;
}

const DEFAULTS = { timeout: 30_000, maxPending: 10_000 };

/**
 * Pipelines requests over one connection: each gets its own reply, in order or by id.
 *
 * ```text
 *   request(a) ──▶ a ─┐                 ┌─ A ──▶ a's Observable
 *   request(b) ──▶ b ─┴─▶ write … read ─┴─ B ──▶ b's Observable
 * ```
 *
 * Reads `messages$` from the call on until the stream ends; others may watch. A request is written when its Observable is
 * subscribed. It errors with ETIMEDOUT when its reply did not come within `timeout`, on the stream's scheduler (the stream goes
 * on; it is what keeps the process alive, not the timeout); with the error of the stream when that fails; with ECLOSED when it
 * ends without one; with EOUTBUFLIMIT, unwritten, while `maxPending` wait or the stream takes no more; with the error of its
 * codec, unwritten, when it cannot be encoded (that closes the stream, unless `isFatal` says no); with EPROTOCOL, unwritten,
 * when its id is that of one that waits.
 *
 * A request that is unsubscribed, or late, was written all the same: it keeps its place in the line, or its id, until its reply
 * comes, which is thrown away and never mistaken for another's. A peer that leaves one out in an ordered protocol puts all later
 * ones out of step; close the stream when a timeout there means more than slowness. Messages that answer nothing are in
 * `unmatched$`. In order, a push that comes while a request waits cannot be told from its reply: give `match`, or requests a
 * `framed` whose `messages$` are filtered.
 *
 * An error of the stream that comes while no request is open, and that nobody else is told (`unmatched$`, `messages$`, `errors$`,
 * `cb`, `connect`, …), goes to RxJS's `config.onUnhandledError`; later requests get it, too. Only where the messages come by
 * operators, `requests` itself counts as one who hears.
 *
 * Lossless for replies. Memory: `maxPending` requests.
 *
 * ```ts
 * import { connect, framed, ndjson, requests } from 'rxjs-io-stream';
 * import { forkJoin, switchMap } from 'rxjs';
 *
 * interface Call { readonly id: number; readonly method?: string; readonly result?: unknown }
 *
 * connect({ host: '127.0.0.1', port: 4000 })
 *   .pipe(
 *     switchMap((io) => {
 *       const { request } = requests(framed(io, ndjson<Call>({ maxLength: 65_536 })), { match: ({ id }) => id, timeout: 5000 });
 *       return forkJoin([request({ id: 1, method: 'now' }), request({ id: 2, method: 'uptime' })]);
 *     }),
 *   )
 *   .subscribe(console.log);
 * ```
 *
 * @param framed the messages of a stream.
 * @throws TypeError for a wrong option.
 */
export function requests<T, W = T>(framed: Below<T, W>, options: RequestsOptions<T, W> = {}): Requests<T, W> {
  const { match, timeout = DEFAULTS.timeout, maxPending = DEFAULTS.maxPending } = options;
  if (match !== undefined && typeof match !== 'function') throw new TypeError(`expected \`match\` to be a function, got ${inWords(match)}`);
  if (!(typeof timeout === 'number' && timeout >= 0))
    throw new TypeError(`expected \`timeout\` to be milliseconds, 0 or Infinity for never, got ${inWords(timeout)}`);
  if (!(Number.isSafeInteger(maxPending) && maxPending > 0))
    throw new TypeError(`expected \`maxPending\` to be a number of requests, 1 or more, got ${inWords(maxPending)}`);
  return new Line(framed, { match, timeout: timeout === 0 ? Infinity : timeout, maxPending });
}

/** A request whose reply is waited for. */
interface Open<T> {
  /** Closed when nobody waits for it any more. */
  out: Subscriber<T> | undefined;
  readonly due: number;
}

class Line<T, W> implements Requests<T, W> {
  readonly unmatched$: Observable<T>;
  readonly #framed: Below<T, W>;
  readonly #core: Core;
  readonly #options: Settings<T, W>;
  readonly #unmatched = new Subject<T>();
  /** Requests that were written and have no reply yet, the oldest first, by id; in order, the id is the number of the request. */
  readonly #owed = new Map<unknown, Open<T>>();
  #timer: Subscription | undefined;
  #sent = 0;
  #answered = 0;
  /** Why there are no more replies. */
  #end: unknown;

  constructor(framed: Below<T, W>, options: Settings<T, W>) {
    this.#framed = framed;
    this.#core = coreOf(framed.io);
    this.#options = options;
    this.unmatched$ = this.#unmatched.asObservable();
    const fail = (error: unknown): void => {
      this.#stop(error);
      this.#unmatched.error(error);
    };
    const replies = inlet<T>({
      next: (message) => this.#take(message),
      error: fail,
      complete: () => {
        this.#stop(closed());
        this.#unmatched.complete();
      },
      fail: (error) => {
        const wrong = IOStreamError.from(error, { phase: 'read' });
        const heard = this.#isHeard();
        fail(wrong);
        this.#core.raise(wrong, heard);
      },
    });
    subscribeFor(framed.messages$, replies, () => this.#isHeard());
  }

  get pending(): number {
    return this.#owed.size;
  }

  readonly request = (message: W): Observable<T> =>
    new Observable((out) => {
      const { match, timeout, maxPending } = this.#options;
      const { scheduler } = this.#core;
      const id = match ? match(message) : this.#sent;
      if (this.#end !== undefined) {
        out.error(this.#end);
        return;
      }
      if (this.#owed.size >= maxPending)
        throw refused(EOUTBUFLIMIT, `expected at most maxPending = ${maxPending} requests without reply, got one more`);
      if (id === undefined)
        throw refused(
          EPROTOCOL,
          'expected a request with an id, got one that `match` gives none for; what has no reply is written by write()',
        );
      if (this.#owed.has(id)) throw refused(EPROTOCOL, 'expected a request with an id of its own, got that of one without reply');
      const open: Open<T> = { out, due: timeout === Infinity ? Infinity : scheduler.now() + timeout };
      // In its place before it is written: the reply may come from inside.
      this.#owed.set(id, open);
      this.#sent += 1;
      const refusal = refusalOf(this.#framed, message);
      if (!refusal) {
        this.#watch(open.due);
        return;
      }
      this.#owed.delete(id);
      this.#sent -= 1;
      throw refusal;
    });

  #take(message: T): void {
    const { match } = this.#options;
    const id = match ? match(message) : this.#answered;
    const open = this.#owed.get(id);
    if (!open) {
      this.#unmatched.next(message);
      return;
    }
    this.#answered += 1;
    this.#owed.delete(id);
    const { out } = open;
    // The tables that a Map has outgrown point to its entries and to each other: with the subscribers in them, a fifth of all
    // memory outlived its use, and the garbage collector took a quarter of the time.
    open.out = undefined;
    out?.next(message);
    out?.complete();
  }

  /**
   * One timer, for the oldest: all have the same time. A reply does not stop it, it finds out when it fires: else each request
   * that is sent when the last is answered takes a timer of its own. So it must not keep the process alive.
   */
  #watch(due: number): void {
    if (this.#timer || due === Infinity) return;
    const { scheduler } = this.#core;
    this.#timer = after(due - scheduler.now(), scheduler, () => this.#look(scheduler.now()), { unref: true });
  }

  #look(now: number): void {
    for (const { out, due } of this.#owed.values()) {
      if (!out || out.closed) continue;
      if (due > now) {
        this.#timer = undefined;
        this.#watch(due);
        return;
      }
      out.error(late(this.#options.timeout));
    }
    this.#timer = undefined;
  }

  /** Whether anybody would be told of an error now. */
  #isHeard(): boolean {
    return this.#unmatched.observed || [...this.#owed.values()].some(({ out }) => out?.closed === false);
  }

  #stop(error: unknown): void {
    this.#end = error;
    this.#timer?.unsubscribe();
    const open = [...this.#owed.values()];
    this.#owed.clear();
    if (open.some(({ out }) => out?.closed === false)) this.#core.errorHandled();
    for (const { out } of open) out?.error(error);
  }
}

function closed(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message: 'expected a reply to the request, the stream ended without one' });
}

function refused(code: typeof EOUTBUFLIMIT | typeof EPROTOCOL, message: string): IOStreamError {
  return new IOStreamError(code, { phase: 'write', fatal: false, message });
}

function late(timeout: number): IOStreamError {
  const message = `expected a reply within ${timeout} ms, none came; raise \`timeout\` if the peer is only slow`;
  return new IOStreamError('ETIMEDOUT', { phase: 'read', fatal: false, message });
}
