import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** The only user of the database, by SCRAM. */
export const POSTGRES_USER = { user: 'user', password: 'secret-pass', database: 'postgres' } as const;

/** PostgreSQL in an empty cluster of its own: plain, and TLS after SSLRequest, on the same port. It refuses to run as root. */
export async function startPostgres(): Promise<Peer<'port'>> {
  const peer = await startPeer(['port'], ({ port }, room) => {
    const owner = ownerOf('postgres');
    const own = (path: string): string => {
      if (owner) chownSync(path, owner.uid, owner.gid);
      return path;
    };
    const folder = join(room.folder, 'data');
    mkdirSync(folder);
    own(folder);
    const { user, password } = POSTGRES_USER;
    const as = owner ? ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : [];
    const initdb = [
      ...as,
      ...[programOf('initdb') ?? 'initdb', '-D', folder, '-U', user, '--auth=scram-sha-256', '--no-sync', '--no-locale', '-E', 'UTF8'],
      `--pwfile=${own(room.file('password', password, 0o600))}`,
    ];
    execFileSync('env', initdb, { cwd: folder, stdio: 'pipe' });
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      dynamic_shared_memory_type: 'mmap',
      ssl: 'on',
      ssl_cert_file: room.file('cert.pem', server.cert),
      ssl_key_file: own(room.file('key.pem', server.key, 0o600)),
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return [...as, programOf('postgres') ?? 'postgres', '-D', folder, ...options];
  });
  const stop = async (): Promise<void> => {
    // Killed at once it would leave shared memory behind.
    peer.daemon.process.kill('SIGINT');
    await peer.daemon.ended;
    await peer.stop();
  };
  return { ...peer, stop };
}

/** The user of the package, when root starts it; nothing when the user of the specs does. */
function ownerOf(name: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
