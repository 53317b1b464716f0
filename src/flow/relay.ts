import { Observable, type Subscriber } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { inWords } from '../stream/bytes.ts';
import type { Core } from '../stream/core.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-side.ts';
import { Lane, type LaneHost } from './relay-lane.ts';

/** How far a {@link relay} is, in bytes. */
export interface RelayProgress {
  /** Came from `a` and has left to the peer of `b`. */
  readonly aToB: number;
  /** Came from `b` and has left to the peer of `a`. */
  readonly bToA: number;
}

/** What a {@link relay} errors with: the error of one stream (its code, phase and facts; itself is the `cause`), and of which. */
export type RelayError = IOStreamError & { readonly side: 'a' | 'b' };

/**
 * Joins two streams: what comes from the one goes to the other, both ways, until both have ended.
 *
 * ```text
 *   peer A ══▶ a ── bytes, then the end ──▶ b ══▶ peer B
 *   peer A ◀══ a ◀── bytes, then the end ── b ◀══ peer B        { aToB, bToA } ──▶ you
 * ```
 *
 * - **What is emitted?** `{ aToB, bToA }`: zeros at once, then whenever bytes have left.
 * - **What if one side is slow?** The other is held back: a few times `highWaterMark` wait in each direction, however long it takes.
 * - **What if one side ends?** Its last byte is followed by our end to the other (half-close), and the other direction goes on,
 *   also on a stream without `allowHalfOpen`.
 * - **When does it complete?** When both directions have ended, all has left, and both streams have closed, which they then do by
 *   themselves.
 * - **What if one side fails?** What was read from it before goes to the other side, which may take up to that one's
 *   `timeouts.write`; then the other is reset (RST, where there is one: cut-off data never looks whole), and the relay errors with
 *   a {@link RelayError}, whose `side` names the stream that failed first. A side that is held back, or has ended, is not read:
 *   that it was reset is noticed when it is read on, or written to.
 * - **What if you close, reset or abort one of them?** Both are reset; ECLOSED with its `side`, or the reason of the abort.
 * - **What if you unsubscribe?** Both are reset, unless it was over: a relay that is cut off must not look like one that is
 *   through.
 * - **Who else may use the streams?** `data$`, `events$` and counters may watch. It reads as `consume` does: when a stream has a
 *   reader of that kind it errors with a TypeError, and nothing is touched. Sends that were there before it finish first; what
 *   `write` is given goes between chunks.
 *
 * Between two sockets without plugins, whose bytes nobody else looks at, the same few buffers are read into again and again, and bulk
 * leaves no garbage but the signals.
 *
 * Cold: a stream may be still opening, and holds what comes before. One that has closed by itself at the end of its peer,
 * as it does without `allowHalfOpen`, gives what it holds, and its end; but for the first byte that comes for it the relay
 * fails: ECLOSED with its `side`. Give `allowHalfOpen: true` to a stream that waits for its relay. Lossless.
 *
 * ```ts
 * import { connect, listen, relay } from 'rxjs-io-stream';
 * import { switchMap } from 'rxjs';
 *
 * // A port forwarder. A connection that cannot be forwarded is reset, and `server.errors$` tells why.
 * const to = { host: '127.0.0.1', port: 80 };
 * listen({ host: '127.0.0.1', port: 8080, allowHalfOpen: true }, (io) => connect(to, (other) => relay(io, other)))
 *   .pipe(switchMap((server) => server.errors$))
 *   .subscribe(console.error);
 * ```
 *
 * @param a one stream; the order matters for the names in what is emitted only.
 * @param b another one.
 * @throws TypeError for anything but two different streams.
 */
export function relay(a: IOStream, b: IOStream): Observable<RelayProgress> {
  check('a', a);
  check('b', b);
  if (a === b) throw new TypeError('expected two streams to relay between, got the same one twice; `io.send(io)` is an echo');
  return new Observable((out) => new Relay(coreOf(a), coreOf(b), out).start());
}

function check(name: string, io: unknown): void {
  if (!(io instanceof IOStream)) throw new TypeError(`expected \`${name}\` to be an IOStream, got ${inWords(io)}`);
}

/** One run, from subscribe to its end. */
class Relay implements LaneHost {
  readonly #a: Core;
  readonly #b: Core;
  readonly #out: Subscriber<RelayProgress>;
  readonly #aToB: Lane;
  readonly #bToA: Lane;
  /** Nothing is to be reset: not begun yet, or through, or reset already. */
  #over = false;
  /** Who failed first, while what came from there is still on its way. */
  #first: { readonly core: Core; readonly error: unknown } | undefined;

  constructor(a: Core, b: Core, out: Subscriber<RelayProgress>) {
    this.#a = a;
    this.#b = b;
    this.#out = out;
    this.#aToB = new Lane(a, b, this);
    this.#bToA = new Lane(b, a, this);
  }

  start(): void {
    const out = this.#out;
    const sides = [
      { core: this.#a, lane: this.#aToB },
      { core: this.#b, lane: this.#bToA },
    ];
    for (const { core, lane } of sides) {
      const detach = core.reads.attach(lane);
      if (!detach) {
        out.error(new TypeError(`expected \`${this.#sideOf(core)}\` to be read by nobody else, got one with a consume() or iteration`));
        return;
      }
      // As long as the relay lives: that is what an error of the stream is told to.
      out.add(detach);
    }
    out.add(() => this.#cut());
    for (const { core, lane } of sides) {
      if (!core.tells && !hasEnded(core)) this.fail(core, core.end?.error);
      out.add(core.closing$.subscribe((end) => this.#onClosing(core, lane, end)));
    }
    this.moved();
    for (const { lane } of sides) if (!out.closed) out.add(lane.start());
  }

  // What the lanes tell

  moved(): void {
    this.#out.next({ aToB: this.#aToB.sent, bToA: this.#bToA.sent });
  }

  through(): void {
    if (!this.#aToB.isThrough || !this.#bToA.isThrough || this.#a.state !== 'closed' || this.#b.state !== 'closed') return;
    this.#over = true;
    this.#out.complete();
  }

  fail(core: Core, error: unknown = ended(core, this.#sideOf(core))): void {
    if (this.#over) return;
    const first = this.#first ?? { core, error };
    const told = sided(first.error, this.#sideOf(first.core));
    this.#cut(told);
    this.#out.error(told);
  }

  // What the streams tell

  #onClosing(core: Core, lane: Lane, end: ReadEnd): void {
    if ('error' in end) core.errorHandled();
    // The owner of the stream has left: silence here, too, and what has come in part is cut off.
    if (end.left) this.#out.unsubscribe();
    // By `close`, `reset` or a signal, which are not waited for: what has not come is cut off.
    else if (core.state === 'closing') this.fail(core, end.error);
    else if (!('error' in end)) this.through();
    else if (this.#first) this.fail(core);
    else {
      this.#first = { core, error: end.error };
      (lane === this.#aToB ? this.#bToA : this.#aToB).stop();
      lane.finish();
    }
  }

  #cut(cause?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#a.reset(cause);
    this.#b.reset(cause);
  }

  #sideOf(core: Core): 'a' | 'b' {
    return core === this.#a ? 'a' : 'b';
  }
}

/** Whether a stream has closed by itself, at the end of its peer: what it holds can still be read. */
function hasEnded(core: Core): boolean {
  return core.report?.by === 'peer';
}

function ended(core: Core, side: string): IOStreamError {
  const why = hasEnded(core)
    ? 'it has closed at the end of its peer: give a stream that waits for its relay allowHalfOpen: true'
    : 'it was ended or closed by us';
  const message = `expected \`${side}\` to stay open until both directions have ended, ${why}`;
  return new IOStreamError(ECLOSED, { phase: 'close', message });
}

/** The same error, and whose it is; a stranger, such as the reason of an abort, stays itself. */
function sided(error: unknown, side: 'a' | 'b'): unknown {
  if (!(error instanceof IOStreamError)) return error;
  const { code, phase, message } = error;
  return new IOStreamError(code, {
    phase,
    message: `stream ${side}: ${message}`,
    cause: error,
    facts: Object.assign({} as Record<string, unknown>, error, { side }),
  });
}
