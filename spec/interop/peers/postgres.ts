import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** The only user of the database; authenticates by SCRAM. */
export const POSTGRES_USER = { user: 'user', password: 'secret-pass', database: 'postgres' } as const;

/** Starts PostgreSQL with an empty cluster: plain, and TLS after SSLRequest, on the same port. It does not run as root. */
export async function startPostgres(): Promise<Peer<'port'>> {
  const peer = await startPeer(['port'], ({ port }, folder) => {
    const owner = ownerOf('postgres');
    const own = (path: string): string => {
      if (owner) chownSync(path, owner.uid, owner.gid);
      return path;
    };
    const data = join(folder.path, 'data');
    mkdirSync(data);
    own(data);
    const { user, password } = POSTGRES_USER;
    const asOwner = owner ? ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : [];
    const initdb = [
      ...asOwner,
      ...[programOf('initdb') ?? 'initdb', '-D', data, '-U', user, '--auth=scram-sha-256', '--no-sync', '--no-locale', '-E', 'UTF8'],
      `--pwfile=${own(folder.file('password', password, 0o600))}`,
    ];
    execFileSync('env', initdb, { cwd: data, stdio: 'pipe' });
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      dynamic_shared_memory_type: 'mmap',
      ssl: 'on',
      ssl_cert_file: folder.file('cert.pem', server.cert),
      ssl_key_file: own(folder.file('key.pem', server.key, 0o600)),
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return [...asOwner, programOf('postgres') ?? 'postgres', '-D', data, ...options];
  });
  const stop = async (): Promise<void> => {
    // After SIGKILL it would leave shared memory behind.
    peer.daemon.process.kill('SIGINT');
    await peer.daemon.ended;
    await peer.stop();
  };
  return { ...peer, stop };
}

/** Returns the user of the package if the specs run as root. */
function ownerOf(name: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
