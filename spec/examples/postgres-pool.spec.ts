import { concatMap, firstValueFrom, forkJoin, lastValueFrom, map, retry, throwError } from 'rxjs';
import { backoff } from 'rxjs-io-stream';
import { describe, expect, it } from 'vitest';
import { PostgresPool, type PostgresOptions } from '../../examples/postgres-pool.ts';
import type { Login, Row } from '../../examples/postgres-pool/protocol.ts';
import { scramClient } from '../../examples/postgres-pool/scram.ts';
import { responder } from '../../examples/postgres-pool/responder.ts';
import { describePeers, started } from '../interop/peers.ts';
import { POSTGRES_USER, startPostgres } from '../interop/peers/postgres.ts';
import type { Harness } from '../support/harness.ts';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

function poolOf(h: Harness, options: Omit<PostgresOptions, 'host'>): PostgresPool {
  const db = new PostgresPool({ host, ...options });
  h.defer(() => db.close());
  return db;
}

/** The specs for PostgreSQL and for the embedded server. */
function specs(own: Login, portOf: (h: Harness) => Promise<number>): void {
  spec('logs in by SCRAM, and runs queries', async (h) => {
    const db = poolOf(h, { ...own, port: await portOf(h) });
    expect(await firstValueFrom(db.query('SELECT 1 AS one'))).toStrictEqual([{ one: '1' }]);
    expect(await firstValueFrom(db.query("SELECT 'zażółć' AS text"))).toStrictEqual([{ text: 'zażółć' }]);
  });

  spec('uses one connection for sequential queries, also after an error reply', async (h) => {
    const db = poolOf(h, { ...own, port: await portOf(h) });
    const pid = async (): Promise<unknown> => (await firstValueFrom(db.query('SELECT pg_backend_pid() AS pid')))[0]?.pid;
    const first = await pid();
    expect(await failure(firstValueFrom(db.query('nonsense')))).toMatchObject({ name: 'PostgresError', code: '42601' });
    expect(await pid()).toBe(first);
  });

  spec('brings each of 500 concurrent queries its own row, over at most 4 connections', async (h) => {
    const db = poolOf(h, { ...own, port: await portOf(h), max: 4 });
    let most = 0;
    db.counts$.subscribe(({ idle, busy, connecting }) => (most = Math.max(most, idle + busy + connecting)));
    const numbers = Array.from({ length: 500 }, (_, at) => at);
    const rows = await lastValueFrom(forkJoin(numbers.map((number) => db.query(`SELECT ${number} AS number`))));
    expect(rows.map(([row]) => Number(row?.number))).toStrictEqual(numbers);
    expect(most).toBe(4);
  });

  spec('runs a transaction on one connection, and rolls back by a reset after an error', async (h) => {
    const db = poolOf(h, { ...own, port: await portOf(h), max: 1 });
    const pid = (rows: readonly Row[]): string => rows[0]?.pid ?? '';
    const both$ = db.transaction((query) =>
      query('SELECT pg_backend_pid() AS pid').pipe(
        concatMap((first) => query('SELECT pg_backend_pid() AS pid').pipe(map((second) => [pid(first), pid(second)]))),
      ),
    );
    const [first, second] = await lastValueFrom(both$);
    expect(first).toBe(second);
    const broken$ = db.transaction((query) => query('SELECT 1').pipe(concatMap(() => throwError(() => new Error('no')))));
    expect(await failure(lastValueFrom(broken$))).toMatchObject({ message: 'no' });
    expect(pid(await firstValueFrom(db.query('SELECT pg_backend_pid() AS pid')))).not.toBe(first);
  });

  spec('does not return a connection that a query has left in a transaction', async (h) => {
    const db = poolOf(h, { ...own, port: await portOf(h), max: 1 });
    expect(await failure(firstValueFrom(db.query('BEGIN')))).toMatchObject({ message: expect.stringContaining('use transaction()') });
    expect(await firstValueFrom(db.query('SELECT 1 AS one'))).toStrictEqual([{ one: '1' }]);
  });

  spec('errors a query with the refusal of the login, and no message contains the password', async (h) => {
    const password = 'not-the-password';
    h.secret(password);
    const db = poolOf(h, { ...own, password, port: await portOf(h) });
    const error = await failure(firstValueFrom(db.query('SELECT 1')));
    expect(error).toMatchObject({ name: 'PostgresError', code: '28P01' });
    expect(JSON.stringify(error) + String(error)).not.toContain(password);
  });
}

describe('PostgresPool with the embedded server', () => {
  const own = { user: 'user', password: 'secret' };
  specs(own, async (h) => ((await h.observed(responder(own)).value()).address as { port: number }).port);

  it('rejects a server that does not know the password', () => {
    const client = scramClient('secret');
    const nonce = /r=(.*)/.exec(client.first)?.[1] ?? '';
    client.proof(`r=${nonce}server,s=c2FsdA==,i=4096`);
    expect(() => client.verify(`v=${Buffer.alloc(32).toString('base64')}`)).toThrow(
      'expected the server to prove that it knows the password',
    );
    expect(() => client.proof('r=other,s=c2FsdA==,i=4096')).toThrow('expected a nonce of the server behind ours');
    expect(() => client.proof(`r=${nonce}x,s=c2FsdA==,i=999999999`)).toThrow('expected 1 to 1000000 iterations');
  });
});

describePeers('PostgresPool with PostgreSQL', ['initdb', 'postgres'], () => {
  const postgres = started(startPostgres);
  // It listens before it accepts logins: 57P03, cannot_connect_now.
  const retryIf = (error: unknown): boolean => (error as { code?: string }).code === '57P03';
  specs(POSTGRES_USER, async () => {
    const { port } = postgres().ports;
    const db = new PostgresPool({ host, port, ...POSTGRES_USER });
    await lastValueFrom(db.query('SELECT 1').pipe(retry(backoff({ max: 200, attempts: 100, retryIf }))));
    await db.close();
    return port;
  });
});

it('prints the rows of its queries', async () => {
  expect(await runProgram('examples/postgres-pool.ts', 'SELECT 7 AS seven').ended).toStrictEqual({
    code: 0,
    stdout: '{"seven":"7"}\n',
    stderr: '',
  });
  expect(await runProgram('examples/postgres-pool.ts', 'nonsense').ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('syntax error'),
  });
});
