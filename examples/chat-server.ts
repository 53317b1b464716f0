// A line-based chat server. Run `nc 127.0.0.1 7000`, enter your name, then chat. /who lists the members, /quit leaves.
//   npx tsx examples/chat-server.ts [--host ADDRESS] [--port PORT]
import { framed, lines, listen, throttleBytes, type Framed, type IOStream, type Server } from 'rxjs-io-stream';
import { defer, finalize, map, takeWhile, tap, timeout, type Observable } from 'rxjs';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';
import { serveUntilInterrupted } from './support/until-interrupted.ts';

export interface ChatServerOptions {
  /** The address to listen on. */
  readonly host?: string;
  /** The port to listen on. @default 0, any free port */
  readonly port?: number;
  /** Maximum bytes per second read from one client. A client that floods slows down only itself. */
  readonly rate?: number;
  /** A client with more pending bytes than this is too slow, and is dropped. */
  readonly limit?: number;
  /** Called with each line of the log. */
  readonly log?: (line: string) => void;
}

/** Milliseconds until a client must have sent its name. */
const NAME_TIMEOUT = 60_000;
const NAME = /^[\p{L}\p{N}_-]{1,20}$/u;

/** Serves while subscribed. Emits the server when it listens. */
export function chatServer(options: ChatServerOptions = {}): Observable<Server> {
  const { host = '127.0.0.1', port = 0, rate = 16_384, limit = 262_144, log = () => {} } = options;
  return defer(() => {
    const room = new Room(limit, log);
    const pace = throttleBytes({ rate, direction: 'up' });
    // A connection lasts as long as its Observable. However it ends, `finalize` removes the member from the room.
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

  /** Serves one client. Each line is handled at once, so only pending writes use memory, and these are limited. */
  attend(io: IOStream): Observable<unknown> {
    const client = framed(io, lines({ maxLength: 1024, unterminated: 'emit' }));
    let name: string | undefined;
    client.write('* Welcome. What is your name?');
    return client.messages$.pipe(
      timeout({ first: NAME_TIMEOUT }),
      // Removes control characters, which could move the cursor or change colours of a terminal.
      map((line) => line.replace(/\p{Cc}/gu, '').trim()),
      takeWhile((line) => line !== '/quit'),
      tap((line) => {
        if (name === undefined) name = this.#enter(line, client);
        else if (line === '/who') client.write(`* here are ${[...this.#members.keys()].join(', ')}`);
        else if (line.startsWith('/')) client.write('* there is /who and /quit');
        else if (line !== '') this.#broadcast(`<${name}> ${line}`);
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
    this.#broadcast(`* ${name} joins`);
    return name;
  }

  /** Sends a line to all members. Writes never block, so slow clients are dropped: otherwise their pending bytes would grow. */
  #broadcast(text: string): void {
    const slow: [string, Framed<string>][] = [];
    for (const [name, client] of this.#members) {
      if (client.io.output.pending > this.#limit) slow.push([name, client]);
      else client.write(text);
    }
    this.#log(text);
    for (const [name, client] of slow) this.#leave(name, client, 'is too slow, and dropped');
    for (const [, { io }] of slow) io.reset();
  }

  /** Removes a member. Does nothing if the client has left already: its name may be in use again. */
  #leave(name: string, client: Framed<string>, how: string): void {
    if (this.#members.get(name) !== client) return;
    this.#members.delete(name);
    this.#broadcast(`* ${name} ${how}`);
  }
}

function main(): void {
  const { host, port } = parseCommandLine({ host: { ...TEXT, default: '127.0.0.1' }, port: { ...TEXT, default: '7000' } }).values;
  serveUntilInterrupted(chatServer({ host, port: parsePort(port), log: (line) => console.log(line) }));
}

runProgram(import.meta.url, main);
