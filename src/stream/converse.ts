import { Observable, Subscription } from 'rxjs';
import { ECLOSED, IOStreamError } from '../errors.ts';
import { answerTo } from '../plugins/handshake.ts';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { inlet } from '../wire/operate.ts';
import { asBuffer } from './bytes.ts';
import { coreOf, type IOStream } from './io-stream.ts';
import { endReader } from './read-side.ts';
import { Share } from './share.ts';

/**
 * Runs a conversation in mid-stream: a generator that sends, and reads exactly what it asks for, such as SMTP before STARTTLS.
 * What it did not read stays in `inBuf`.
 *
 * Cold; takes the bytes of the stream like `consume`, one at a time on a stream. Emits what the generator returns
 * and completes, when all that it sent has left for the kernel: `startTls` may follow. Errors with what the generator throws; the stream itself goes on. Thrown into the generator where it waits are
 * EPROTOCOL when the peer ends too early, ECLOSED when we close, and the error of the stream: it may catch one, to return or to
 * throw a better one, but cannot read on. While it waits for something else than bytes (`link.wait`), the stream
 * reads ahead to its `highWaterMark`, and learns of an EOF when it reads on. On unsubscribe that is unsubscribed, the generator's
 * `finally` blocks run, and unread bytes stay in `inBuf`. What it said leaves in each case. For a time limit use `timeout` of RxJS. `data$` sees
 * what the generator reads. Lossless.
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
 */
export function converse<T>(io: IOStream, talk: (link: Link) => Generator<Need, T, Uint8Array>): Observable<T> {
  return new Observable((out) => {
    const core = coreOf(io);
    const { reads, writes } = core;
    const sent = new Share(writes);
    const conversation = new Conversation(talk, { phase: 'read', read: (bytes) => reads.show(bytes) });
    type Step = (talk: Conversation<T>) => IteratorResult<Need, T>;
    let stage: 'reading' | 'asking' | 'stepping' | 'over' = 'reading';
    /** What came of what the talk asks for; taken by `listen`, so that answers that come at once do not deepen the stack. */
    let reply: Step | undefined;
    const leave = reads.attach({ ready: () => listen() });
    if (!leave) {
      out.error(new TypeError('expected nobody else to consume or iterate the stream while it converses'));
      return;
    }
    const detach = (): void => {
      leave();
      reads.putBack(conversation.takeUnread());
    };
    /** Writes what the conversation has sent, also when it throws or is left. */
    const flush = (): void => {
      const said = conversation.takeSaid();
      if (said.length === 0 || !core.tells) return;
      const refusal = writes.accept(asBuffer(said));
      if (refusal) core.refuse(refusal);
      else sent.add(said.length);
    };
    /** Emits when all has been sent: TLS may be started then. */
    const finish = (value: T): void => {
      const emit = (): void => {
        out.next(value);
        out.complete();
      };
      if (!core.tells || !sent.waits) {
        emit();
        return;
      }
      const waiting = new Subscription();
      const left = (): void => {
        sent.left();
        if (sent.waits) return;
        waiting.unsubscribe(); // Before anything is emitted: TLS takes the stream over from inside.
        emit();
      };
      waiting.add(writes.wait({ left }));
      waiting.add(core.closing$.subscribe((end) => endReader(out, end.left || 'error' in end ? end : { error: closed() })));
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
      const answer = inlet<Step>({
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
    // The talk itself may bring bytes or the end, by closing the stream: they wait until its step is over.
    const listen = (): void => {
      for (let step = next(); step; step = next()) advance(step);
    };
    const next = (): Step | undefined => {
      if (out.closed || (stage !== 'reading' && stage !== 'asking')) return undefined;
      const step = reply;
      reply = undefined;
      if (step) return step;
      const bytes = stage === 'reading' ? reads.pullQuietly() : undefined;
      if (bytes) return (talk) => talk.push(bytes);
      const end = reads.takeEnd();
      if (end?.left) out.unsubscribe();
      else if (end && 'error' in end) return (talk) => talk.fail(end.error);
      else if (end && stage === 'reading') return (talk) => (io.isEof ? talk.end() : talk.fail(closed()));
      return undefined;
    };
    out.add(() => {
      if (stage !== 'over') conversation.abandon();
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
