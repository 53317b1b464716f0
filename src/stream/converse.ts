import { Observable } from 'rxjs';
import { Conversation, type Link, type Need } from '../protocol/link.ts';
import { coreOf, type IOStream } from './io-stream.ts';

/**
 * Holds a conversation in mid-stream: a generator that says things and reads exactly what it asks for, such as SMTP before
 * STARTTLS. What it did not read stays in `inBuf`.
 *
 * Cold; takes the bytes of the stream like `consume`, one at a time on a stream. Emits what the generator returns and
 * completes. Errors with what the generator throws, with EPROTOCOL when the peer ends too early, or with the error of the
 * stream; the stream itself goes on. On unsubscribe the generator's `finally` blocks run, and unread bytes stay in `inBuf`. For
 * a time limit use `timeout` of RxJS. Lossless.
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
    const conversation = new Conversation(talk, { phase: 'read' });
    let over = false;
    const advance = (step: () => IteratorResult<Need, T>): void => {
      try {
        const result = step();
        const said = conversation.takeSaid();
        if (said.length > 0) io.write(said);
        if (!result.done) return;
        over = true;
        detach?.();
        out.next(result.value);
        out.complete();
      } catch (error) {
        over = true;
        out.error(error);
      }
    };
    const ready = (): void => {
      const chunk = over ? undefined : reads.pull();
      if (chunk) advance(() => conversation.push(chunk));
      const { end } = reads;
      if (over || !end) return;
      if ('error' in end) out.error(end.error);
      else advance(() => conversation.end());
    };
    const leave = reads.attach({ ready });
    const detach =
      leave &&
      ((): void => {
        leave();
        reads.putBack(conversation.takeUnread());
      });
    if (!detach) {
      out.error(new TypeError('expected nobody else to consume or iterate the stream while it converses'));
      return;
    }
    out.add(() => {
      if (!over) conversation.abandon();
      detach();
    });
    advance(() => conversation.start());
  });
}
