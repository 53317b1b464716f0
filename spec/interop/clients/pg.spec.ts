import { once } from 'node:events';
import { Client, Pool, type PoolConfig } from 'pg';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { POSTGRES_USER, startPostgres } from '../peers/postgres.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startTlsFront } from './tls-front.ts';

describeClient('pg', ['initdb', 'postgres'], () => {
  const postgres = started(startPostgres);
  const front = started(() => startTlsFront(postgres().ports.port));
  const config = (route: Route, ssl: PoolConfig['ssl'] = false): PoolConfig => ({
    ...{ host: route.host, port: route.port, ...POSTGRES_USER },
    ...{ ssl, stream: route.through.socket },
  });

  eachRoute({ 'trace + socks5': () => postgres().ports.port, tlsClient: () => front().port }, (open) => {
    spec('sends and receives 1 MiB in one row', async (h) => {
      const client = new Client(config(await open(h)));
      await client.connect();
      const { rows } = await client.query<{ bytes: Buffer }>('SELECT $1::bytea AS bytes', [PAYLOAD]);
      h.sameBytes(rows[0]!.bytes, PAYLOAD);
      await client.end();
    });

    spec('ends 50 used pools without an error', async (h) => {
      const route = await open(h);
      for (let round = 0; round < 50; round += 1) {
        const pool = new Pool({ ...config(route), max: 2 });
        await Promise.all([1, 2].map((number) => pool.query('SELECT $1::int', [number])));
        await pool.end();
      }
    });
  });

  eachRoute({ 'trace + socks5': () => postgres().ports.port }, (open) => {
    spec('upgrades an open connection to TLS with `ssl`', async (h) => {
      const pool = new Pool({ ...config(await open(h), { ca }), max: 3 });
      const { rows } = await pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      expect(rows).toStrictEqual([{ ssl: true }]);
      await pool.end();
    });

    spec('fails with `ssl` if the certificate is not trusted', async (h) => {
      const client = new Client(config(await open(h), { ca: [] }));
      await expect(client.connect()).rejects.toThrow(expect.objectContaining({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }));
      await client.end();
    });

    spec('continues with a new connection when the server ends one', async (h) => {
      const pool = new Pool({ ...config(await open(h)), max: 1 });
      const lost = once(pool, 'error') as Promise<[NodeJS.ErrnoException]>;
      const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const killer = new Client(config(await open(h)));
      await killer.connect();
      await killer.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      const [error] = await lost;
      expect(error.code).toBe('57P01'); // admin_shutdown
      expect((await pool.query('SELECT 1')).rowCount).toBe(1);
      await Promise.all([pool.end(), killer.end()]);
    });
  });
});
