import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** The name of the file, in the peer's room, with the private key that may log in. */
export const SSH_KEY = 'user-key';

/** OpenSSH's sshd: the user of the specs may log in, with a key of the room. */
export function startSshd(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }, room) => {
    for (const name of ['host-key', SSH_KEY])
      execFileSync(programOf('ssh-keygen') ?? 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(room.folder, name)]);
    // As root it wants this folder to be there, empty: a service of the machine makes it otherwise.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const conf = room.file(
      'sshd_config',
      `ListenAddress 127.0.0.1:${port}
HostKey ${room.folder}/host-key
PidFile none
AuthorizedKeysFile ${room.folder}/${SSH_KEY}.pub
AllowUsers ${userInfo().username}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
Subsystem sftp internal-sftp
`,
    );
    return ['sshd', '-D', '-e', '-f', conf];
  });
}
