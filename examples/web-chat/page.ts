// The page of the chat: a form to join a room, the messages, and what the connection does.
import { connect, framed, lines, webSocket, type Framed } from 'rxjs-io-stream/web';
import { catchError, EMPTY, finalize, fromEvent, merge, switchMap, takeUntil, tap, timer, type Observable } from 'rxjs';

const FLOOD_BYTES = 32 * 1024 * 1024;
const FLOOD_LINE = new TextEncoder().encode(`/ignore ${'x'.repeat(1015)}\n`);

const byId = (id: string): HTMLElement => document.getElementById(id) ?? document.body;
const inputOf = (id: string): HTMLInputElement => byId(id) as HTMLInputElement;

/** Adds a line to the messages. As text: nothing of it is HTML. */
function show(line: string): void {
  const item = document.createElement('li');
  item.textContent = line;
  byId('messages').append(item);
  item.scrollIntoView();
}

function status(text: string): void {
  byId('status').textContent = text;
}

/** A connection to the chat: joins, shows what arrives, sends what is typed. Unsubscribing closes it. */
function chat(room: string, name: string): Observable<unknown> {
  const url = new URL('/chat', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  return connect({ wire: webSocket(url, { sendAs: 'text' }) }, (io) => {
    const { messages$, write } = framed(io, lines({ maxLength: 4096 }));
    write(`/join ${room} ${name}`);
    status('open');
    return merge(messages$.pipe(tap(show)), typed(write), flood(io), pausing(io), measure(io)).pipe(takeUntil(io.closed$));
  }).pipe(finalize(() => status('closed')));
}

type Stream = Framed<string>['io'];

function typed(write: (line: string) => void): Observable<unknown> {
  return fromEvent<SubmitEvent>(byId('say'), 'submit').pipe(
    tap((event) => {
      event.preventDefault();
      const text = inputOf('text');
      if (text.value !== '') write(text.value);
      text.value = '';
    }),
  );
}

/** Sends 32 MiB, pulled no faster than the server reads. */
function flood(io: Stream): Observable<unknown> {
  const chunks = function* (): Generator<Uint8Array> {
    for (let sent = 0; sent < FLOOD_BYTES; sent += FLOOD_LINE.length) yield FLOOD_LINE;
  };
  return fromEvent(byId('flood'), 'click').pipe(switchMap(() => io.send(chunks())));
}

/** Stops reading while the box is ticked. The messages that arrive are kept up to `inBufLimit`. */
function pausing(io: Stream): Observable<unknown> {
  const box = inputOf('pause');
  return fromEvent(box, 'change').pipe(tap(() => (box.checked ? io.pause() : io.resume())));
}

/** Shows what is not sent yet, and whether a writer should wait. */
function measure(io: Stream): Observable<unknown> {
  const blocked$ = io.output.blocked$.pipe(tap((blocked) => (byId('blocked').textContent = blocked ? 'blocked' : 'free')));
  return merge(blocked$, timer(0, 100).pipe(tap(() => (byId('pending').textContent = String(io.output.pending)))));
}

fromEvent<SubmitEvent>(byId('join'), 'submit')
  .pipe(
    tap((event) => event.preventDefault()),
    switchMap(() =>
      chat(inputOf('room').value, inputOf('name').value).pipe(
        catchError((error: unknown) => {
          show(String(error));
          return EMPTY; // The form still works.
        }),
      ),
    ),
  )
  .subscribe();
