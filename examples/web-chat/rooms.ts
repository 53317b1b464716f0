// The rooms of the chat: lines in, lines out. The bytes may come over anything; here over WebSockets.
import { framed, lines, type Framed, type IOStream } from 'rxjs-io-stream';
import { finalize, takeWhile, tap, timeout, type Observable } from 'rxjs';

/** Milliseconds until a client must have joined. */
const JOIN_TIMEOUT = 10_000;
const JOIN = /^\/join ([\w-]{1,20}) ([\p{L}\p{N}_-]{1,20})$/u;

/** Connects the clients of each room with each other. */
export class Rooms {
  readonly #rooms = new Map<string, Map<string, Framed<string>>>();
  readonly #limit: number;

  /** @param limit a client with more pending bytes than this does not read, and is dropped. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Serves one client: `/join ROOM NAME`, then a message a line. `/ignore …` is read and dropped. */
  attend(io: IOStream): Observable<unknown> {
    const client = framed(io, lines({ maxLength: 4096 }));
    let leave: ((how: string) => void) | undefined;
    return client.messages$.pipe(
      timeout({ first: JOIN_TIMEOUT }),
      takeWhile((line) => line !== '/quit'),
      tap((line) => {
        if (line.startsWith('/ignore')) return;
        const [, room, name] = JOIN.exec(line) ?? [];
        if (leave && name === undefined) this.#say(client, line);
        else if (room === undefined || name === undefined || leave) client.write('* write /join ROOM NAME first');
        else leave = this.#enter(client, room, name);
      }),
      finalize(() => leave?.('leaves')),
    );
  }

  readonly #places = new Map<Framed<string>, { readonly room: string; readonly name: string }>();

  #enter(client: Framed<string>, room: string, name: string): ((how: string) => void) | undefined {
    const members = this.#rooms.get(room) ?? new Map<string, Framed<string>>();
    if (members.has(name)) {
      client.write('* that name is taken');
      return undefined;
    }
    this.#rooms.set(room, members.set(name, client));
    this.#places.set(client, { room, name });
    this.#broadcast(room, `* ${name} joins`);
    return (how) => this.#leave(client, how);
  }

  #say(client: Framed<string>, line: string): void {
    const place = this.#places.get(client);
    if (place) this.#broadcast(place.room, `<${place.name}> ${line}`);
  }

  #leave(client: Framed<string>, how: string): void {
    const place = this.#places.get(client);
    if (!place) return;
    this.#places.delete(client);
    const members = this.#rooms.get(place.room);
    members?.delete(place.name);
    if (members?.size === 0) this.#rooms.delete(place.room);
    this.#broadcast(place.room, `* ${place.name} ${how}`);
  }

  /** Writes never block, so a client that does not read is dropped: otherwise its pending bytes would grow. */
  #broadcast(room: string, line: string): void {
    const slow: Framed<string>[] = [];
    for (const client of this.#rooms.get(room)?.values() ?? []) {
      if (client.io.output.pending > this.#limit) slow.push(client);
      else client.write(line);
    }
    for (const client of slow) {
      this.#leave(client, 'does not read, and is dropped');
      client.io.reset();
    }
  }
}
