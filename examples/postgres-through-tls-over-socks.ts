// A PostgreSQL client (pg) over TLS through a SOCKS5 proxy. TLS starts with the first byte: PostgreSQL 17 does that itself
// (sslnegotiation=direct), older servers behind stunnel or the like.
//   npx tsx examples/postgres-through-tls-over-socks.ts                               with an embedded proxy and server
//   npx tsx examples/postgres-through-tls-over-socks.ts postgres://me:secret@db.test:5432/app socks5://127.0.0.1:1080 [--ca ca.pem]
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { dialer, socks5, tlsClient } from 'rxjs-io-stream';
import { socks5Server } from './socks5-server.ts';
import { parseCommandLine, runProgram, TEXT } from './support/command-line.ts';
import { cert } from './support/identity.ts';
import { started } from './support/started.ts';
import { tinyPostgres } from './support/tiny-postgres.ts';

/** Prints the version of the database. */
async function show(database: string, proxy: string, ca: string | undefined): Promise<void> {
  // The first plugin is next to the application: TLS with the database, inside of the connection through the proxy.
  const tls = tlsClient({ ca, ALPNProtocols: ['postgresql'] });
  const through = dialer({ plugin: { tls, proxy: socks5(proxy) }, timeouts: { establish: 10_000 } });
  // `pg` calls `connect` of the socket with the host and the port of the URL.
  const client = new pg.Client({ connectionString: database, stream: through.socket });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>('SELECT version()');
    console.log(rows[0]?.version);
  } finally {
    await client.end();
  }
}

async function embedded(): Promise<void> {
  const server = await started(tinyPostgres());
  const proxy = await started(socks5Server({ local: true, log: (line) => console.log(`proxy: ${line.replace(/\d+$/, '…')}`) }));
  try {
    await show(`postgres://me@localhost:${server.port}/app`, `socks5://127.0.0.1:${proxy.port}`, cert);
  } finally {
    proxy.stop();
    server.stop();
  }
}

async function main(): Promise<void> {
  const { positionals, values } = parseCommandLine({ ca: TEXT });
  const [database, proxy] = positionals;
  if (database === undefined) await embedded();
  else if (proxy === undefined) throw new TypeError('expected the URL of a database and that of a proxy, got one URL');
  else await show(database, proxy, values.ca === undefined ? undefined : readFileSync(values.ca, 'utf8'));
}

runProgram(import.meta.url, main);
