import { Observable } from 'rxjs';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { coreOf, type IOStream } from './io-stream.ts';

/**
 * Holds a conversation in mid-stream: a generator that says things and reads exactly what it asks for, such as SMTP before
 * STARTTLS. What it did not read stays in `inBuf`.
 *
 * Cold; takes the bytes of the stream like `consume`, one at a time on a stream. Emits what the generator returns and
 * completes. Errors with what the generator throws, with EPROTOCOL when the peer ends too early, or with the error of the
 * stream; the stream itself goes on. On unsubscribe the generator's `finally` blocks run, and unread bytes stay in `inBuf`. What
 * it said leaves in each case. For a time limit use `timeout` of RxJS. `data$` sees what the generator reads. Lossless.
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
    const { reads } = coreOf(io);
    const conversation = new Conversation(talk, { phase: 'read', read: (bytes) => reads.show(bytes) });
    let stage: 'waiting' | 'stepping' | 'over' = 'waiting';
    const leave = reads.attach({ ready: () => listen() });
    if (!leave) {
      out.error(new TypeError('expected nobody else to consume or iterate the stream while it converses'));
      return;
    }
    const detach = (): void => {
      leave();
      reads.putBack(conversation.takeUnread());
    };
    /** What the talk said leaves, also when it throws or is left. */
    const say = (): void => {
      const said = conversation.takeSaid();
      if (said.length > 0) io.write(said);
    };
    const advance = (step: () => IteratorResult<Need, T>): void => {
      stage = 'stepping';
      let result: IteratorResult<Need, T>;
      try {
        result = step();
      } catch (error) {
        stage = 'over';
        say();
        out.error(error);
        return;
      }
      say();
      stage = result.done ? 'over' : 'waiting';
      if (!result.done) return;
      detach();
      out.next(result.value);
      out.complete();
    };
    // The talk itself may bring bytes or the end, by closing the stream: they wait until its step is over.
    const listen = (): void => {
      for (let chunk = next(); chunk; chunk = next()) {
        const bytes = chunk;
        advance(() => conversation.push(bytes));
      }
      const { end } = reads;
      if (stage !== 'waiting' || !end) return;
      if ('error' in end) out.error(end.error);
      else advance(() => conversation.end());
    };
    const next = (): Buffer | undefined => (stage === 'waiting' && !out.closed ? reads.pull({ quiet: true }) : undefined);
    out.add(() => {
      if (stage !== 'over') conversation.abandon();
      say();
      detach();
    });
    advance(() => conversation.start());
    listen();
  });
}
