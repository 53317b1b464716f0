// A chat server for many clients, by lines: `nc 127.0.0.1 7000`, say your name, then talk; /who tells who is there, /quit leaves.
//   npx tsx examples/chat-server.ts [--host ADDRESS] [--port PORT]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { framed, lines, listen, throttleBytes, type Framed, type IOStream, type Server } from 'rxjs-io-stream';
import { defer, finalize, map, takeWhile, tap, timeout, type Observable } from 'rxjs';
import { serveUntilInterrupted } from './support.ts';

export interface ChatServerOptions {
  /** Where to listen. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port?: number;
  /** Bytes per second that one client may say: who floods waits for himself, and makes nobody else slow. */
  readonly rate?: number;
  /** Who lets so many bytes wait for him is too slow, and dropped. */
  readonly limit?: number;
  /** Told what is done, line by line. */
  readonly log?: (line: string) => void;
}

/** So many milliseconds has a client to say its name. */
const PATIENCE = 60_000;
const NAME = /^[\p{L}\p{N}_-]{1,20}$/u;

/** Serves for as long as it is subscribed; emits the server once it listens. */
export function chatServer(options: ChatServerOptions = {}): Observable<Server> {
  const { host = '127.0.0.1', port = 0, rate = 16_384, limit = 262_144, log = () => {} } = options;
  return defer(() => {
    const room = new Room(limit, log);
    const pace = throttleBytes({ rate, direction: 'up' });
    // A connection lasts as long as its Observable. Whatever ends it, it is left: the room goes on without it.
    return listen({ host, port, maxConnections: 1000, plugin: { pace } }, (io) => room.attend(io));
  });
}

class Room {
  readonly #members = new Map<string, Framed<string>>();
  readonly #limit: number;
  readonly #log: (line: string) => void;

  constructor(limit: number, log: (line: string) => void) {
    this.#limit = limit;
    this.#log = log;
  }

  /** Serves one client. Each line is handled at once, so nothing is held but what waits to be sent, and that is bounded. */
  attend(io: IOStream): Observable<unknown> {
    const client = framed(io, lines({ maxLength: 1024, unterminated: 'emit' }));
    let name: string | undefined;
    client.write('* Welcome. What is your name?');
    return client.messages$.pipe(
      timeout({ first: PATIENCE }),
      // What moves a cursor or changes colours is for terminals, not for talking.
      map((line) => line.replace(/\p{Cc}/gu, '').trim()),
      takeWhile((line) => line !== '/quit'),
      tap((line) => {
        if (name === undefined) name = this.#enter(line, client);
        else if (line === '/who') client.write(`* here are ${[...this.#members.keys()].join(', ')}`);
        else if (line.startsWith('/')) client.write('* there is /who and /quit');
        else if (line !== '') this.#tell(`<${name}> ${line}`);
      }),
      finalize(() => {
        if (name !== undefined) this.#leave(name, client, 'leaves');
      }),
    );
  }

  #enter(name: string, client: Framed<string>): string | undefined {
    const refusal = !NAME.test(name) ? 'A name has 1 to 20 letters or digits' : this.#members.has(name) ? 'That name is taken' : undefined;
    if (refusal !== undefined) {
      client.write(`* ${refusal}. What is your name?`);
      return undefined;
    }
    this.#members.set(name, client);
    this.#tell(`* ${name} joins`);
    return name;
  }

  /** Tells all. A write never waits; who does not take what he is told is let go, or he would hold ever more of it. */
  #tell(text: string): void {
    const slow: [string, Framed<string>][] = [];
    for (const [name, client] of this.#members) {
      if (client.io.output.pending > this.#limit) slow.push([name, client]);
      else client.write(text);
    }
    this.#log(text);
    for (const [name, client] of slow) this.#leave(name, client, 'is too slow, and dropped');
    for (const [, { io }] of slow) io.reset();
  }

  /** Does nothing for one who has left already: another may have his name now. */
  #leave(name: string, client: Framed<string>, how: string): void {
    if (this.#members.get(name) !== client) return;
    this.#members.delete(name);
    this.#tell(`* ${name} ${how}`);
  }
}

function main(): void {
  const { values } = parseArgs({ options: { host: { type: 'string' }, port: { type: 'string' } } });
  const { port = '7000', ...rest } = values;
  serveUntilInterrupted(chatServer({ ...rest, port: Number(port), log: (line) => console.log(line) }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
