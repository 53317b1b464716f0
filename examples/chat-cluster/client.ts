// A client that stays in its room, whichever node it is connected to.
import { backoff, connect, framed, lines, type Framed } from 'rxjs-io-stream';
import { defer, filter, finalize, firstValueFrom, repeat, retry, Subject, Subscription, tap, type Observable } from 'rxjs';

/** What a client has seen of its room. */
export interface Seen {
  /** The messages in the order in which they came. */
  readonly messages: { readonly sequence: number; readonly text: string }[];
  readonly gaps: string[];
  /** Number of connections after the first. */
  moves: number;
}

/** Joins a room, and resumes after the last message on another node when a connection is lost. */
export class ChatClient {
  readonly seen: Seen = { messages: [], gaps: [], moves: 0 };
  readonly #room: string;
  readonly #ports: () => readonly number[];
  readonly #stored$ = new Subject<string>();
  readonly #joined$ = new Subject<void>();
  readonly #connection = new Subscription();
  #client: Framed<string> | undefined;
  #position: number | undefined;
  #attempts: number;

  /** @param ports the nodes that may run. @param first the index of the first one to try. */
  constructor(room: string, ports: () => readonly number[], first: number) {
    this.#room = room;
    this.#ports = ports;
    this.#attempts = first;
  }

  /** Resolves when the client is in the room. */
  async start(): Promise<void> {
    const joined = firstValueFrom(this.#joined$);
    this.#connection.add(this.#stay().subscribe());
    await joined;
  }

  stop(): void {
    this.#client = undefined;
    this.#connection.unsubscribe();
  }

  /** Drops the connection: the next one is to another node. */
  move(): void {
    this.#client?.io.reset();
  }

  /** Resolves when the message is in the room. Repeats it on each new connection until then: its id makes it stand there once. */
  async send(id: string, text: string): Promise<void> {
    const send = (): unknown => this.#client?.write(`send ${this.#room} ${id} ${text}`);
    const stored = firstValueFrom(this.#stored$.pipe(filter((each) => each === id)));
    const repeating = this.#joined$.subscribe(send);
    send();
    await stored;
    repeating.unsubscribe();
  }

  #stay(): Observable<unknown> {
    return defer(() => {
      const ports = this.#ports();
      const port = ports[(this.#attempts += 1) % ports.length] ?? 0;
      return connect({ host: '127.0.0.1', port }, (io) => {
        const client = framed(io, lines({ maxLength: 8192 }));
        client.write(this.#position === undefined ? `join ${this.#room}` : `join ${this.#room} ${this.#position}`);
        return client.messages$.pipe(
          tap((line) => this.#take(line, client)),
          finalize(() => this.#onLost()),
        );
      });
    }).pipe(repeat(backoff({ initial: 20, max: 200 })), retry(backoff({ initial: 20, max: 200 })));
  }

  #onLost(): void {
    if (this.#client) this.seen.moves += 1;
    this.#client = undefined;
  }

  #take(line: string, client: Framed<string>): void {
    const [kind, first = '', second = ''] = line.split(' ');
    if (kind === 'stored') this.#stored$.next(first);
    else if (kind === 'joined') {
      this.#position = Number(first);
      this.#client = client;
      this.#joined$.next();
    } else if (kind === 'message') {
      this.#position = Number(first);
      this.seen.messages.push({ sequence: this.#position, text: second });
    } else if (kind === 'gap') {
      this.#position = Number(second) - 1;
      this.seen.gaps.push(line);
    }
  }
}
