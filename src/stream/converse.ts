import { Observable, Subscription } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { answerTo } from '../layers/handshake.ts';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { asBuffer } from './bytes.ts';
import { internalsOf, type IOStream } from './io-stream.ts';
import { endReader } from './read-side.ts';
import { SentTracker } from './sent-tracker.ts';

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
    const core = internalsOf(io);
    const { reads, writes } = core;
    const sent = new SentTracker(writes);
    const conversation = new Conversation(talk, { phase: 'read', read: (bytes) => reads.publish(bytes) });
    type Step = (talk: Conversation<T>) => IteratorResult<Need, T>;
    let stage: 'reading' | 'asking' | 'stepping' | 'over' = 'reading';
    /** The answer to a `link.wait`. Processed by the loop in `listen`, so that synchronous answers do not deepen the stack. */
    let reply: Step | undefined;
    const leave = reads.attach({ ready: () => listen() });
    if (!leave) {
      out.error(new TypeError('expected nobody else to consume or iterate the stream while it converses'));
      return;
    }
    const detach = (): void => {
      leave();
      reads.unshift(conversation.takeUnread());
    };
    /** Writes the output of the conversation, also after it has thrown or was unsubscribed. */
    const flush = (): void => {
      const said = conversation.takeOutput();
      if (said.length === 0 || !core.isActive) return;
      const refusal = writes.accept(asBuffer(said));
      if (refusal) core.reportLater(refusal);
      else sent.add(said.length);
    };
    /** Emits when all output has been sent, so that TLS may be started. */
    const finish = (value: T): void => {
      const emit = (): void => {
        out.next(value);
        out.complete();
      };
      if (!core.isActive || !sent.isWaiting) {
        emit();
        return;
      }
      const waiting = new Subscription();
      const left = (): void => {
        sent.sent();
        if (sent.isWaiting) return;
        waiting.unsubscribe(); // Before the emission: a subscriber may start TLS synchronously, which closes this stream.
        emit();
      };
      waiting.add(writes.wait({ onSent: left }));
      waiting.add(core.closing$.subscribe((end) => endReader(out, end.unsubscribed || 'error' in end ? end : { error: closed() })));
      out.add(waiting);
    };
    const advance = (step: Step): void => {
      stage = 'stepping';
      let result: IteratorResult<Need, T>;
      try {
        result = step(conversation);
      } catch (error) {
        stage = 'over';
        flush();
        out.error(error);
        return;
      }
      flush();
      if (!result.done) {
        stage = 'reading';
        if ('wait' in result.value && !out.closed) ask(result.value);
        return;
      }
      stage = 'over';
      detach();
      finish(result.value);
    };
    const ask = (question: Extract<Need, { readonly wait: unknown }>): void => {
      stage = 'stepping';
      const answer = guardedSubscriber<Step>({
        next: (step) => {
          reply = step;
          listen();
        },
        error: (error: unknown) => out.error(error),
        complete: () => undefined,
      });
      out.add(answer);
      answerTo<T>(question).subscribe(answer);
      stage = 'asking';
    };
    // A step may itself cause bytes or the end to arrive, for example by closing the stream: they are processed after the step.
    const listen = (): void => {
      for (let step = next(); step; step = next()) advance(step);
    };
    const next = (): Step | undefined => {
      if (out.closed || (stage !== 'reading' && stage !== 'asking')) return undefined;
      const step = reply;
      reply = undefined;
      if (step) return step;
      const bytes = stage === 'reading' ? reads.pullUnobserved() : undefined;
      if (bytes) return (talk) => talk.push(bytes);
      const end = reads.takeEnd();
      if (end?.unsubscribed) out.unsubscribe();
      else if (end && 'error' in end) return (talk) => talk.throw(end.error);
      else if (end && stage === 'reading') return (talk) => (io.isEof ? talk.end() : talk.throw(closed()));
      return undefined;
    };
    out.add(() => {
      if (stage !== 'over') conversation.return();
      flush();
      detach();
    });
    advance((talk) => talk.start());
    listen();
  });
}

function closed(): IOStreamError {
  return new IOStreamError(ECLOSED, { phase: 'read', message: 'expected the stream to stay open for the conversation, we closed it' });
}
