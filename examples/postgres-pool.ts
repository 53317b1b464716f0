// A PostgreSQL client with a pool: a login for each connection, queries side by side, transactions on one connection. Queries from the arguments:
//   npx tsx examples/postgres-pool.ts [SQL …]                                            of an embedded server that knows only a few
//   npx tsx examples/postgres-pool.ts --host HOST [--port PORT] [--user USER] [--database NAME] [SQL …]      (the password is in $PGPASSWORD)
import { converse, pool, type IOStream, type Pool, type PoolCounts } from 'rxjs-io-stream';
import { concat, from, ignoreElements, lastValueFrom, map, mergeMap, type Observable } from 'rxjs';
import { login, PostgresError, query, type Login, type Row } from './postgres-pool/protocol.ts';
import { responder } from './postgres-pool/responder.ts';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';
import { started } from './support/started.ts';

/** Where the server is, the login, and how many connections may be open. */
export type PostgresOptions = Login & { readonly host: string; readonly port: number; readonly max?: number };

/** Runs a query, and emits its rows. */
export type Query = (sql: string) => Observable<readonly Row[]>;

export class PostgresPool {
  readonly #pool: Pool<IOStream, number>;

  constructor({ host, port, max, ...own }: PostgresOptions) {
    this.#pool = pool({ connect: { host, port }, max, open: (io) => converse(io, (link) => login(link, own)) });
  }

  /** How many connections are idle, busy and connecting, and how many queries wait. */
  get counts$(): Observable<PoolCounts> {
    return this.#pool.counts$;
  }

  /** Runs one query on any connection. Errors with the error reply of the server; the connection returns to the pool all the same. */
  readonly query: Query = (sql) => this.#pool.use((io) => converse(io, (link) => query(link, sql))).pipe(map(rowsOf));

  /**
   * Runs queries on one connection, between BEGIN and COMMIT. If the work errors or is unsubscribed, the connection is reset, and the
   * server rolls back.
   */
  transaction<T>(work: (query: Query) => Observable<T>): Observable<T> {
    return this.#pool.use((io) => {
      const run: Query = (sql) => converse(io, (link) => query(link, sql, true)).pipe(map(rowsOf));
      return concat(run('BEGIN').pipe(ignoreElements()), work(run), run('COMMIT').pipe(ignoreElements()));
    });
  }

  /** Waits for the active queries, for at most 5 s, and closes. */
  close(): Promise<unknown> {
    return lastValueFrom(this.#pool.drain({ deadline: 5000 }));
  }
}

/** Throws an error reply. Outside of `use`, where it does not cost the connection. */
function rowsOf(result: readonly Row[] | PostgresError): readonly Row[] {
  if (result instanceof PostgresError) throw result;
  return result;
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    host: TEXT,
    port: { ...TEXT, default: '5432' },
    user: { ...TEXT, default: 'user' },
    database: TEXT,
  });
  const { host, user, database } = values;
  const queries = positionals.length > 0 ? positionals : ['SELECT 1 AS one', "SELECT 'two' AS text", 'SELECT pg_backend_pid() AS pid'];
  const password = host === undefined ? 'secret' : process.env.PGPASSWORD;
  const embedded = host === undefined ? await started(responder({ user, password })) : undefined;
  const server = embedded ? { host: '127.0.0.1', port: embedded.port } : { host: host ?? '', port: parsePort(values.port) };
  const db = new PostgresPool({ ...server, user, password, database, max: 4 });
  try {
    await lastValueFrom(
      from(queries).pipe(
        mergeMap((sql) => db.query(sql)),
        map((rows) => rows.forEach((row) => console.log(JSON.stringify(row)))),
      ),
    );
  } finally {
    await db.close();
    embedded?.stop();
  }
}

runProgram(import.meta.url, main);
