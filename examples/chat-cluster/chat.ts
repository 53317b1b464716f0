// The server of the chat. It knows rooms, and not where they are: in NATS, or in the memory of this process.
import { framed, lines, type IOStream } from 'rxjs-io-stream';
import type { RoomEvent, Rooms } from 'rxjs-io-stream/nats';
import { defer, EMPTY, finalize, from, ignoreElements, merge, mergeAll, Subject, takeUntil, type Observable } from 'rxjs';

const JOIN = /^join ([\w-]{1,20})(?: (\d{1,15}))?$/;
const SEND = /^send ([\w-]{1,20}) ([\w-]{1,64}) (.*)$/;

/**
 * Serves one client, in lines:
 *
 * - `join ROOM` or `join ROOM SEQUENCE`, to resume. Answers: `joined SEQUENCE`, then `message SEQUENCE TEXT` and `gap AFTER BEFORE`.
 * - `send ROOM ID TEXT`. Answer: `stored ID`, when the message is in the room. Without this answer, send it again with the same id.
 */
export function serveClient(io: IOStream, chat: Rooms): Observable<unknown> {
  return defer(() => {
    const client = framed(io, lines({ maxLength: 4096 }));
    const memberships$ = new Subject<Observable<unknown>>();
    const ended$ = new Subject<void>();
    const handle = (line: string): Observable<unknown> => {
      const [, room, after] = JOIN.exec(line) ?? [];
      if (room !== undefined) {
        // The next event of the room comes when this one has left: a client that does not read holds up only itself.
        const deliver = (event: RoomEvent): Observable<unknown> => io.send([`${lineOf(event)}\n`]);
        memberships$.next(chat.join(room, after === undefined ? { deliver } : { deliver, after: Number(after) }));
        return EMPTY;
      }
      const [, to, id, text] = SEND.exec(line) ?? [];
      if (to === undefined || id === undefined) return io.send(['error: write join ROOM, or send ROOM ID TEXT\n']);
      return from(chat.publish(to, text ?? '', { id }).then(() => client.write(`stored ${id}`)));
    };
    // The next line is read when this one is done: a client that floods holds up only itself.
    const lines$ = client.consume(handle).pipe(finalize(() => ended$.next()));
    return merge(memberships$.pipe(mergeAll(), takeUntil(ended$)), lines$).pipe(ignoreElements());
  });
}

function lineOf(event: RoomEvent): string {
  if (event.kind === 'message') return `message ${event.sequence} ${new TextDecoder().decode(event.data)}`;
  return event.kind === 'gap' ? `gap ${event.after} ${event.before}` : `joined ${event.sequence}`;
}
