import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** The only user of the database; authenticates by password. */
export const MARIADB_USER = { user: 'user', password: 'secret-pass', database: 'test' } as const;

/** The statements that create the tables of users and privileges; part of the server's package. */
const SYSTEM_TABLES = '/usr/share/mysql/mysql_system_tables.sql';

/** Starts MariaDB with an empty database: plain, and TLS after the request for it, on the same port. */
export function startMariadb(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }, folder) => {
    const { user, password, database } = MARIADB_USER;
    const { cert, key } = certificates.server;
    const data = join(folder.path, 'data');
    mkdirSync(data);
    const common = ['--no-defaults', `--datadir=${data}`, ...(process.getuid?.() === 0 ? ['--user=root'] : [])];
    // Each statement of the bootstrap is one line. `mariadb-install-db` does the same, but needs the packages of the client.
    const bootstrap = `CREATE DATABASE mysql;\nUSE mysql;\n${readFileSync(SYSTEM_TABLES, 'utf8')}CREATE DATABASE ${database};\n`;
    execFileSync(programOf('mariadbd') ?? 'mariadbd', [...common, '--bootstrap'], { input: bootstrap, stdio: 'pipe' });
    const users = `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO '${user}'@'%';\n`;
    const settings = {
      'init-file': folder.file('users.sql', users),
      'bind-address': '127.0.0.1',
      port,
      socket: join(folder.path, 'socket'),
      'pid-file': join(folder.path, 'pid'),
      'ssl-ca': folder.file('ca.pem', certificates.ca),
      'ssl-cert': folder.file('cert.pem', cert),
      'ssl-key': folder.file('key.pem', key),
    };
    return ['mariadbd', ...common, '--skip-name-resolve', ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)];
  });
}
