import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** The only user of the database, by password. */
export const MARIADB_USER = { user: 'user', password: 'secret-pass', database: 'test' } as const;

/** The tables of users and privileges, of the package of the server. */
const SYSTEM_TABLES = '/usr/share/mysql/mysql_system_tables.sql';

/** MariaDB in an empty folder of its own: plain, and TLS after the request for it, on the same port. */
export function startMariadb(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }, room) => {
    const { user, password, database } = MARIADB_USER;
    const { cert, key } = certificates.server;
    const data = join(room.folder, 'data');
    mkdirSync(data);
    const common = ['--no-defaults', `--datadir=${data}`, ...(process.getuid?.() === 0 ? ['--user=root'] : [])];
    // Each statement of the bootstrap is one line. `mariadb-install-db` does the same, but needs the packages of the client.
    const bootstrap = `CREATE DATABASE mysql;\nUSE mysql;\n${readFileSync(SYSTEM_TABLES, 'utf8')}CREATE DATABASE ${database};\n`;
    execFileSync(programOf('mariadbd') ?? 'mariadbd', [...common, '--bootstrap'], { input: bootstrap, stdio: 'pipe' });
    const users = `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO '${user}'@'%';\n`;
    const settings = {
      'init-file': room.file('users.sql', users),
      'bind-address': '127.0.0.1',
      port,
      socket: join(room.folder, 'socket'),
      'pid-file': join(room.folder, 'pid'),
      'ssl-ca': room.file('ca.pem', certificates.ca),
      'ssl-cert': room.file('cert.pem', cert),
      'ssl-key': room.file('key.pem', key),
    };
    return ['mariadbd', ...common, '--skip-name-resolve', ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)];
  });
}
