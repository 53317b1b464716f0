import { Observable, type Subscriber } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { describeValue } from '../util/describe.ts';
import type { Connection } from '../stream/connection.ts';
import { internalsOf, IOStream } from '../stream/io-stream.ts';
import type { ReadEnd } from '../stream/read-side.ts';
import { RelayDirection, type RelayObserver } from './relay-direction.ts';

/** The progress of a {@link relay}, in bytes. */
export interface RelayProgress {
  /** Bytes that were read from `a` and sent to the peer of `b`. */
  readonly aToB: number;
  /** Bytes that were read from `b` and sent to the peer of `a`. */
  readonly bToA: number;
}

/** The error of a {@link relay}: code, phase and facts of the error of one stream. `side` names the stream, `cause` is its error. */
export type RelayError = IOStreamError & { readonly side: 'a' | 'b' };

/**
 * Joins two streams: forwards bytes in both directions until both have ended.
 *
 * ```text
 *   peer A ══▶ a ── bytes, then the end ──▶ b ══▶ peer B
 *   peer A ◀══ a ◀── bytes, then the end ── b ◀══ peer B        { aToB, bToA } ──▶ you
 * ```
 *
 * Emits `{ aToB, bToA }`: zeros on subscribe, then whenever bytes have been sent. Cold; the streams may still be opening. `data$`,
 * `events$` and counters may observe them. Earlier sends finish first; bytes of `write` go between chunks.
 *
 * **Errors**
 * - When one side fails, forwards the bytes read before, within the other side's `timeouts.write`. Then resets the other side (RST),
 *   so that truncated data never looks complete. Errors with a {@link RelayError} for the side that failed first.
 * - The reset of a side that is paused or has ended is noticed at the next read or write.
 * - If you close, reset or abort one stream: resets both, and errors with ECLOSED or the abort reason.
 * - If a stream has a `consume` or iteration: errors with a TypeError, and leaves both as they are.
 *
 * **Closing**
 * - Forwards the end of one side after its last byte. The other direction continues, also without `allowHalfOpen`.
 * - Completes when both streams have ended and closed. Unsubscribing earlier resets both.
 * - A stream without `allowHalfOpen` may close at its peer's FIN before the relay starts. Its bytes and end are forwarded; a byte
 *   for it fails the relay with ECLOSED. Set `allowHalfOpen: true` to prevent that.
 *
 * **Backpressure**: a slow side pauses the other, without a time limit.
 *
 * **Memory**: a few times `highWaterMark` in each direction. Recycles buffers between sockets without plugins if nothing else reads
 * the bytes.
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
 * @param a the first stream. The order only determines the names `aToB`, `bToA` and `side`.
 * @param b the second stream.
 * @returns the progress; subscribing starts the relay.
 * @throws TypeError unless `a` and `b` are two different streams.
 * @see {@link connect} for the second connection of a forwarder.
 */
export function relay(a: IOStream, b: IOStream): Observable<RelayProgress> {
  check('a', a);
  check('b', b);
  if (a === b) throw new TypeError('expected two streams to relay between, got the same one twice; `io.send(io)` is an echo');
  return new Observable((out) => new Relay(internalsOf(a), internalsOf(b), out).start());
}

function check(name: string, io: unknown): void {
  if (!(io instanceof IOStream)) throw new TypeError(`expected \`${name}\` to be an IOStream, got ${describeValue(io)}`);
}

/** One subscription of a relay. */
class Relay implements RelayObserver {
  readonly #a: Connection;
  readonly #b: Connection;
  readonly #out: Subscriber<RelayProgress>;
  readonly #aToB: RelayDirection;
  readonly #bToA: RelayDirection;
  /** Completed or reset: there is nothing to reset any more. */
  #over = false;
  /** The stream that failed first, while its bytes are still being forwarded. */
  #first: { readonly core: Connection; readonly error: unknown } | undefined;

  constructor(a: Connection, b: Connection, out: Subscriber<RelayProgress>) {
    this.#a = a;
    this.#b = b;
    this.#out = out;
    this.#aToB = new RelayDirection(a, b, this);
    this.#bToA = new RelayDirection(b, a, this);
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
      // Attached as long as the relay lives: it handles the error of the stream.
      out.add(detach);
    }
    out.add(() => this.#cut());
    for (const { core, lane } of sides) {
      if (!core.isActive && !hasEnded(core)) this.fail(core, core.end?.error);
      out.add(core.closing$.subscribe((end) => this.#onClosing(core, lane, end)));
    }
    this.moved();
    for (const { lane } of sides) if (!out.closed) out.add(lane.start());
  }

  // Called by the lanes

  moved(): void {
    this.#out.next({ aToB: this.#aToB.sent, bToA: this.#bToA.sent });
  }

  through(): void {
    if (!this.#aToB.isThrough || !this.#bToA.isThrough || this.#a.state !== 'closed' || this.#b.state !== 'closed') return;
    this.#over = true;
    this.#out.complete();
  }

  fail(core: Connection, error: unknown = ended(core, this.#sideOf(core))): void {
    if (this.#over) return;
    const first = this.#first ?? { core, error };
    const told = sided(first.error, this.#sideOf(first.core));
    this.#cut(told);
    this.#out.error(told);
  }

  // Called by the streams

  #onClosing(core: Connection, lane: RelayDirection, end: ReadEnd): void {
    if ('error' in end) core.errorHandled();
    // The owner of the stream has unsubscribed: be silent here too. Unsubscribing resets both streams.
    if (end.unsubscribed) this.#out.unsubscribe();
    // By `close`, `reset` or a signal: fail at once, without the bytes that have not been read.
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

  #sideOf(core: Connection): 'a' | 'b' {
    return core === this.#a ? 'a' : 'b';
  }
}

/** Whether a stream has closed by itself after its peer's FIN. Its buffered bytes can still be read. */
function hasEnded(core: Connection): boolean {
  return core.closedReport?.by === 'peer';
}

function ended(core: Connection, side: string): IOStreamError {
  const why = hasEnded(core)
    ? 'it has closed at the end of its peer: give a stream that waits for its relay allowHalfOpen: true'
    : 'it was ended or closed by us';
  const message = `expected \`${side}\` to stay open until both directions have ended, ${why}`;
  return new IOStreamError(ECLOSED, { phase: 'close', message });
}

/** Adds the side to an IOStreamError. Other values, such as an abort reason, are returned unchanged. */
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
