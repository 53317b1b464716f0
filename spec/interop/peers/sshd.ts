import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** Name of the file, in the peer's folder, with the private key of the user. */
export const SSH_KEY = 'user-key';

/** Starts OpenSSH's sshd. The user that runs the specs may log in with a key in the folder. */
export function startSshd(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }, folder) => {
    for (const name of ['host-key', SSH_KEY])
      execFileSync(programOf('ssh-keygen') ?? 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder.path, name)]);
    // As root, sshd needs this empty folder. Normally a service of the machine creates it.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const conf = folder.file(
      'sshd_config',
      `ListenAddress 127.0.0.1:${port}
HostKey ${folder.path}/host-key
PidFile none
AuthorizedKeysFile ${folder.path}/${SSH_KEY}.pub
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
