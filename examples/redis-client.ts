// A Redis client that reads replies with a generator, pipelines commands, and reconnects. Commands from the arguments or lines of stdin:
//   npx tsx examples/redis-client.ts [--host HOST] [--port PORT] [COMMAND …]        (the password is in $REDIS_PASSWORD)
import { createInterface } from 'node:readline';
import { ECLOSED, framed, IOStreamError, persistent, requests, type IOStream, type IOStreamOptions } from 'rxjs-io-stream';
import { BehaviorSubject, catchError, concat, defer, EMPTY, finalize, first, from, ignoreElements, map, mergeMap, of } from 'rxjs';
import { switchMap, throwError, type Observable, type Subscription } from 'rxjs';
import { fail, parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';
import { RedisError, resp, type Reply, type Word } from './redis-client/resp.ts';

/** The options of `IOStream` (`host`, `port`, `path`, `plugin` for TLS or a proxy, `timeouts`, …), and these. */
export type RedisOptions = IOStreamOptions & {
  readonly user?: string;
  readonly password?: string;
  /** Emits values as Buffers instead of strings. @default false */
  readonly binary?: boolean;
  /** How many attempts in a row may fail. The delays grow from 50 ms to 5 s. @default 10 */
  readonly attempts?: number;
};

type Connection = { readonly io: IOStream; readonly send: (words: readonly Word[]) => Observable<Reply> };

/** Whether the latest connection can still be used. */
const isOpen = (one?: Connection): one is Connection => one?.io.state === 'open' && !one.io.isEof;

/**
 * Connects at once, and reconnects when the connection is lost. Commands are queued until there is a connection. A command that
 * was in flight errors and is not sent again, because the server may have executed it. Use `retry` for idempotent commands. Does
 * not support SUBSCRIBE.
 */
export class RedisClient {
  readonly #connections = new BehaviorSubject<Connection | undefined>(undefined);
  readonly #running: Subscription;

  constructor(options: RedisOptions) {
    this.#running = connections(options).subscribe(this.#connections);
  }

  /** Sends a command at each subscription. Commands of one tick are written together. Errors with the server's error reply. */
  command(...words: readonly Word[]): Observable<Reply> {
    return defer(() => {
      const now = this.#connections.value;
      if (isOpen(now)) return now.send(words); // the fast path, taken by most commands
      return this.#connections.pipe(
        first(isOpen),
        switchMap(({ send }) => send(words)),
      );
    });
  }

  /** Closes the client. Pending commands error. */
  close(): void {
    this.#running.unsubscribe();
    this.#connections.error(new IOStreamError(ECLOSED, { phase: 'write', message: 'the client was closed' }));
  }
}

function connections({ user, password, binary, attempts = 10, ...options }: RedisOptions): Observable<Connection> {
  const line = persistent(options, { initial: 50, max: 5000, attempts });
  return line.stream$.pipe(
    switchMap((io) => {
      const replies = requests(framed(io, resp(binary)));
      const send: Connection['send'] = (words) =>
        replies.request(words).pipe(
          map((reply) => {
            if (reply instanceof RedisError) throw reply;
            return reply;
          }),
        );
      const auth = ['AUTH', ...(user === undefined ? [] : [user])];
      const welcome$ = password === undefined ? EMPTY : send([...auth, password]).pipe(ignoreElements());
      return concat(welcome$, of({ io, send })).pipe(
        // `persistent` handles a lost connection. A rejected password is passed on.
        catchError((error: unknown) => (error instanceof RedisError ? throwError(() => error) : EMPTY)),
      );
    }),
    finalize(() => line.close()),
  );
}

/** Formats a reply as redis-cli does. */
function format(reply: Reply, indent = ''): string {
  if (reply === null) return '(nil)';
  if (typeof reply === 'number') return `(integer) ${reply}`;
  if (reply instanceof RedisError) return `(error) ${reply.message}`;
  if (!Array.isArray(reply)) return JSON.stringify(String(reply));
  const lines = (reply as readonly Reply[]).map((each, at) => `${at + 1}) ${format(each, `${indent}   `)}`);
  return lines.length === 0 ? '(empty array)' : lines.join(`\n${indent}`);
}

function main(): void {
  const { values, positionals } = parseCommandLine({ host: { ...TEXT, default: '127.0.0.1' }, port: { ...TEXT, default: '6379' } });
  const password = process.env.REDIS_PASSWORD;
  const client = new RedisClient({ host: values.host, port: parsePort(values.port), ...(password === undefined ? {} : { password }) });
  const commands$ = positionals.length > 0 ? of(positionals) : from(createInterface(process.stdin)).pipe(map((line) => line.split(' ')));
  const ask = (words: readonly string[]): Observable<string> =>
    client.command(...words).pipe(
      map((reply) => format(reply)),
      catchError((error: unknown) => (error instanceof RedisError ? of(format(error)) : throwError(() => error))),
    );
  commands$
    .pipe(
      mergeMap(ask, 1000),
      finalize(() => client.close()),
    )
    .subscribe({ next: (line) => console.log(line), error: fail });
}

runProgram(import.meta.url, main);
