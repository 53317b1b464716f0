// A Redis client with a pool: commands, pipelines and transactions side by side, each on a connection of its own. Commands from the arguments:
//   npx tsx examples/pooled-redis.ts [--host HOST] [--port PORT] [--max COUNT] [COMMAND …]      (the password is in $REDIS_PASSWORD)
import { framed, pool, requests, type IOStream, type Pool, type Requests } from 'rxjs-io-stream';
import { concat, concatAll, EMPTY, forkJoin, from, ignoreElements, lastValueFrom, map, of, toArray, type Observable } from 'rxjs';
import { RedisError, resp, type Reply, type Word } from './redis-client/resp.ts';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';

export interface PooledRedisOptions {
  readonly host: string;
  readonly port: number;
  readonly password?: string | undefined;
  /** Maximum number of connections. @default 10 */
  readonly max?: number | undefined;
}

type Session = Requests<Reply, readonly Word[]>;

/** One command. */
export type Command = readonly Word[];

export class PooledRedis {
  readonly #pool: Pool<IOStream, Session>;

  constructor({ host, port, password, max }: PooledRedisOptions) {
    this.#pool = pool({
      connect: { host, port },
      max,
      // The requests are made once for each connection. An error reply to AUTH refuses the connection.
      open: (io): Observable<Session> => {
        const session: Session = requests(framed(io, resp()));
        const login$ = password === undefined ? EMPTY : session.request(['AUTH', password]).pipe(map(throwError), ignoreElements());
        return concat(login$, of(session));
      },
      validate: (_io, { request }) => request(['PING']).pipe(map((reply) => reply === 'PONG')),
    });
  }

  /** Sends a command. Errors with an error reply; the connection returns to the pool all the same. */
  command(...words: Command): Observable<Reply> {
    return this.#pool.use((_io, { request }) => request(words)).pipe(map(throwError));
  }

  /** Writes all commands at once on one connection, and emits the replies. An error reply is a value. */
  pipeline(commands: readonly Command[]): Observable<readonly Reply[]> {
    return this.#pool.use((_io, { request }) => forkJoin(commands.map((words) => request(words))));
  }

  /** Sends commands one after the other on one connection, such as WATCH, GET, MULTI, SET, EXEC, and emits the replies. */
  session(commands: readonly Command[]): Observable<readonly Reply[]> {
    return this.#pool.use((_io, { request }) => from(commands.map((words) => request(words))).pipe(concatAll(), toArray()));
  }

  /** Waits for the active commands, for at most 5 s, and closes. */
  close(): Promise<unknown> {
    return lastValueFrom(this.#pool.drain({ deadline: 5000 }));
  }
}

/** Throws an error reply. Outside of `use`, where it does not cost the connection. */
function throwError(reply: Reply): Reply {
  if (reply instanceof RedisError) throw reply;
  return reply;
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    host: { ...TEXT, default: '127.0.0.1' },
    port: { ...TEXT, default: '6379' },
    max: { ...TEXT, default: '10' },
  });
  const redis = new PooledRedis({
    host: values.host,
    port: parsePort(values.port),
    password: process.env.REDIS_PASSWORD,
    max: Number(values.max),
  });
  const command = positionals.length > 0 ? positionals : ['PING'];
  try {
    console.log(await lastValueFrom(redis.command(...command)));
  } finally {
    await redis.close();
  }
}

runProgram(import.meta.url, main);
