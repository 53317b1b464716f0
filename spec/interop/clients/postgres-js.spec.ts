import postgres from 'postgres';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { POSTGRES_USER, startPostgres } from '../peers/postgres.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startTlsFront } from './tls-front.ts';

/** The option for a factory of sockets, which the types of the library lack. */
type Options = postgres.Options<Record<string, never>> & { readonly socket: () => unknown };

describeClient('postgres.js', ['initdb', 'postgres'], () => {
  const server = started(startPostgres);
  const front = started(() => startTlsFront(server().ports.port));
  const open = (route: Route, more: Partial<Options> = {}): postgres.Sql => {
    const { user, password, database } = POSTGRES_USER;
    const options: Options = {
      host: route.host,
      port: route.port,
      user,
      password,
      database,
      max: 2,
      socket: () => route.through.connect(route.port, route.host),
      ...more,
    };
    return postgres(options);
  };

  eachRoute({ 'trace + socks5': () => server().ports.port, tlsClient: () => front().port }, (openRoute) => {
    spec('sends and receives 1 MiB in one row', async (h) => {
      const sql = open(await openRoute(h));
      const [row] = await sql<{ bytes: Buffer }[]>`SELECT ${PAYLOAD}::bytea AS bytes`;
      h.sameBytes(row!.bytes, PAYLOAD);
      await sql.end();
    });

    spec('ends 20 used pools without an error', async (h) => {
      const route = await openRoute(h);
      for (let round = 0; round < 20; round += 1) {
        const sql = open(route);
        const rows = await Promise.all([1, 2, 3].map((number) => sql<{ number: number }[]>`SELECT ${number}::int AS number`));
        expect(rows.map(([row]) => row?.number)).toStrictEqual([1, 2, 3]);
        await sql.end();
      }
    });
  });

  eachRoute({ 'trace + socks5': () => server().ports.port }, (openRoute) => {
    spec('upgrades an open connection to TLS with `ssl`', async (h) => {
      const sql = open(await openRoute(h), { ssl: { ca, servername: 'localhost' } });
      const rows = await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
      expect([...rows]).toStrictEqual([{ ssl: true }]);
      await sql.end();
    });
  });
});
