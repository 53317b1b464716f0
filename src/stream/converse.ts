import { Observable, Subscription, type Subscriber } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { ConversationDriver, type ConversationHost, type ConversationInput } from '../layers/conversation-driver.ts';
import { Conversation } from '../protocol/conversation.ts';
import type { Link } from '../protocol/link.ts';
import type { Need } from '../protocol/need.ts';
import { asBytes } from './bytes.ts';
import type { IOStream } from './io-stream.ts';
import type { PullReader } from './pull-reader.ts';
import { endReader } from './read-end.ts';
import { SentTracker } from './sent-tracker.ts';
import { internalsOf } from './stream-fields.ts';

/**
 * Runs a conversation in mid-stream: a generator that sends, and reads exactly what it requests, such as SMTP before STARTTLS.
 *
 * Cold. One conversation, `consume` or iteration at a time on a stream. Emits the generator's return value and completes when all
 * that it sent has been sent to the kernel, so that `startTls` may follow. `data$` emits the bytes that the generator reads. For a
 * time limit use the `timeout` operator of RxJS. Lossless.
 *
 * **Errors**
 * - Errors with what the generator throws; the stream stays open.
 * - Thrown into the waiting generator: EPROTOCOL when the peer ends too early, ECLOSED when we close, and the stream's error. The
 *   generator may catch it, to return or to throw another error, but cannot read on.
 *
 * **Closing**
 * - On unsubscribe, the `finally` blocks of the generator run, and a pending `link.wait` is unsubscribed.
 * - Unread bytes stay in `inBuf`. Bytes that the generator sent are written in every case.
 *
 * **Backpressure**
 * - During `link.wait`, the stream reads at most `highWaterMark` bytes ahead. It detects an EOF behind them when it resumes.
 * - The generator sees an EOF only at its next read.
 *
 * ```ts
 * import { connect, converse } from 'rxjs-io-stream';
 * import { switchMap } from 'rxjs';
 *
 * const greeting$ = connect({ host: '127.0.0.1', port: 25 }).pipe(
 *   switchMap((io) =>
 *     converse(io, function* (link) {
 *       const greeting = yield* link.readUntil('\r\n', 512);
 *       link.send('QUIT\r\n');
 *       return greeting;
 *     }),
 *   ),
 * );
 * ```
 *
 * @param io an open stream.
 * @param talk the generator function; called at each subscription.
 * @returns a cold Observable of the generator's return value.
 * @see {@link startTls}
 */
export function converse<T>(io: IOStream, talk: (link: Link) => Generator<Need, T, Uint8Array>): Observable<T> {
  return new Observable((out) => {
    const host = new StreamHost(io, talk, out);
    out.add(() => host.leave());
    host.start();
  });
}

/** Runs one conversation on a stream, for one subscriber. */
class StreamHost<T> implements ConversationHost<T>, PullReader {
  readonly #io: IOStream;
  readonly #core: ReturnType<typeof internalsOf>;
  readonly #out: Subscriber<T>;
  readonly #conversation: Conversation<T>;
  readonly #driver: ConversationDriver<T>;
  readonly #sent: SentTracker;
  #detach: (() => void) | undefined;

  constructor(io: IOStream, talk: (link: Link) => Generator<Need, T, Uint8Array>, out: Subscriber<T>) {
    const core = internalsOf(io);
    this.#io = io;
    this.#core = core;
    this.#out = out;
    this.#sent = new SentTracker(core.writes);
    this.#conversation = new Conversation(talk, { phase: 'read', onRead: (bytes) => core.reads.publish(bytes) });
    this.#driver = new ConversationDriver(this.#conversation, this);
  }

  start(): void {
    this.#detach = this.#core.reads.attach(this);
    if (this.#detach) this.#driver.run();
    else this.#out.error(new TypeError('expected no other reader of the stream during converse(), got one that consumes or iterates it'));
  }

  /** Stops the conversation. Its output is written, and unread bytes return to the stream. */
  leave(): void {
    this.#driver.return();
    this.#flush();
    this.#release();
  }

  // Bytes, and the end of the stream

  ready(): void {
    this.#driver.run();
  }

  nextInput(isWaiting: boolean): ConversationInput | undefined {
    const { reads } = this.#core;
    const bytes = isWaiting ? undefined : reads.pullUnobserved();
    if (bytes) return { kind: 'data', bytes };
    const end = reads.takeEnd();
    if (end?.unsubscribed) this.#out.unsubscribe();
    else if (end && 'error' in end) return { kind: 'error', error: end.error };
    else if (end && !isWaiting) return this.#io.isEof ? { kind: 'end' } : { kind: 'error', error: closed() };
    return undefined;
  }

  // The conversation

  write(bytes: Uint8Array): void {
    const core = this.#core;
    if (!core.lifetime.isActive) return;
    const refusal = core.writes.accept(asBytes(bytes));
    if (refusal) core.reportLater(refusal);
    else this.#sent.add(bytes.length);
  }

  onThrow(error: unknown): void {
    this.#flush();
    this.#out.error(error);
  }

  /** Emits when all output has been sent, so that TLS may be started. */
  onReturn(value: T): void {
    this.#release();
    const core = this.#core;
    if (!core.lifetime.isActive || !this.#sent.isWaiting) {
      this.#emit(value);
      return;
    }
    const waiting = new Subscription();
    const onSent = (): void => {
      this.#sent.sent();
      if (this.#sent.isWaiting) return;
      waiting.unsubscribe(); // Before the emission: a subscriber may start TLS synchronously, which closes this stream.
      this.#emit(value);
    };
    waiting.add(core.writes.observe({ onSent }));
    waiting.add(
      core.lifetime.closing$.subscribe((end) => {
        if ('error' in end) core.errors.markHandled();
        endReader(this.#out, end.unsubscribed || 'error' in end ? end : { error: closed() });
      }),
    );
    this.#out.add(waiting);
  }

  #emit(value: T): void {
    this.#out.next(value);
    this.#out.complete();
  }

  #flush(): void {
    const output = this.#conversation.takeOutput();
    if (output.length > 0) this.write(output);
  }

  #release(): void {
    this.#detach?.();
    this.#core.reads.unshift(this.#conversation.takeUnread());
  }
}

function closed(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message: 'we closed the stream during the conversation' });
}
