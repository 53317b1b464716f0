import { describe, expect } from 'vitest';
import { ca } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { runProgram } from '../support/run-program.ts';
import { startSocksServer } from '../interop/clients/socks-server.ts';
import { startTlsFront } from '../interop/clients/tls-front.ts';
import { PeerFolder } from '../interop/peer-folder.ts';
import { describePeers, started } from '../interop/peers.ts';
import { POSTGRES_USER, startPostgres } from '../interop/peers/postgres.ts';

const EXAMPLE = 'examples/postgres-through-tls-over-socks.ts';

describe('postgres-through-tls-over-socks', () => {
  spec('queries the embedded server through the embedded proxy', async () => {
    expect(await runProgram(EXAMPLE).ended).toEqual({
      code: 0,
      stdout: 'proxy: 127.0.0.1: to localhost port …\nPostgreSQL of the example, over TLS\n',
      stderr: '',
    });
  });

  spec('fails without a proxy, and does not print the password', async () => {
    const { code, stderr } = await runProgram(EXAMPLE, 'postgres://me:secret@localhost:1/app').ended;
    expect([code, stderr]).toEqual([1, 'TypeError: expected the URL of a database and that of a proxy, got one URL\n']);
  });
});

describePeers('postgres-through-tls-over-socks with PostgreSQL', ['initdb', 'postgres'], () => {
  const postgres = started(startPostgres);
  const front = started(() => startTlsFront(postgres().ports.port));
  const proxy = started(startSocksServer);

  spec('prints the version of the server', async (h) => {
    const folder = new PeerFolder();
    h.defer(() => folder.remove());
    const { user, password, database } = POSTGRES_USER;
    const url = `postgres://${user}:${password}@localhost:${front().port}/${database}`;
    const run = runProgram(EXAMPLE, url, `socks5://127.0.0.1:${proxy().port}`, '--ca', folder.file('ca.pem', ca));
    expect(await run.ended).toEqual({ code: 0, stdout: expect.stringMatching(/^PostgreSQL \d+/) as string, stderr: '' });
    expect(proxy().passed).toBe(1);
  });
});
