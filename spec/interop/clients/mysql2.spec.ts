import { once } from 'node:events';
import mysql, { type PoolOptions, type RowDataPacket } from 'mysql2/promise';
import { expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { MARIADB_USER, startMariadb } from '../peers/mariadb.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startTlsFront } from './tls-front.ts';

describeClient('mysql2', ['mariadbd'], () => {
  const mariadb = started(startMariadb);
  const front = started(() => startTlsFront(mariadb().ports.port));
  const config = (route: Route): PoolOptions => ({
    ...{ host: route.host, port: route.port, ...MARIADB_USER },
    stream: () => route.through.connect(route.port, route.host),
  });

  eachRoute({ 'trace + socks5': () => mariadb().ports.port, tlsClient: () => front().port }, (open) => {
    spec('sends and receives 1 MiB in one row', async (h) => {
      const connection = await mysql.createConnection(config(await open(h)));
      const [[row]] = await connection.query<RowDataPacket[]>('SELECT ? AS bytes', [PAYLOAD]);
      h.sameBytes(row!.bytes as Buffer, PAYLOAD);
      await connection.end();
    });

    spec('ends 50 used pools without an error', async (h) => {
      const route = await open(h);
      for (let round = 0; round < 50; round += 1) {
        const pool = mysql.createPool({ ...config(route), connectionLimit: 2 });
        await Promise.all([1, 2].map((number) => pool.execute('SELECT ?', [number])));
        await pool.end();
      }
    });
  });

  eachRoute({ 'trace + socks5': () => mariadb().ports.port }, (open) => {
    spec('upgrades an open connection to TLS with `ssl`', async (h) => {
      const connection = await mysql.createConnection({ ...config(await open(h)), ssl: { ca, verifyIdentity: false } });
      const [[row]] = await connection.query<RowDataPacket[]>("SHOW STATUS LIKE 'Ssl_version'");
      expect(String(row?.Value)).toMatch(/^TLSv1\.[23]$/);
      await connection.end();
    });

    spec('reports PROTOCOL_CONNECTION_LOST when the server ends the connection', async (h) => {
      const route = await open(h);
      const [first, second] = [await mysql.createConnection(config(route)), await mysql.createConnection(config(route))];
      const lost = once(first, 'error') as Promise<[NodeJS.ErrnoException]>;
      await second.query(`KILL ${first.threadId}`);
      expect((await lost)[0].code).toBe('PROTOCOL_CONNECTION_LOST');
      await second.end();
    });
  });
});
