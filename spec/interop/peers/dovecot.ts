import { chownSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** Every user may log in with this password. */
export const IMAP_USER = { user: 'user', pass: 'secret-pass' } as const;

/** A user without rights, the same on every Linux: dovecot opens no mail as root. */
const UNPRIVILEGED = 65534;

/**
 * Starts dovecot: IMAP with STARTTLS on `imap`, over TLS from the first byte on `imaps`. Root is not needed: all its processes then
 * have the user of the specs.
 */
export function startDovecot(): Promise<Peer<'imap' | 'imaps'>> {
  return startPeer(['imap', 'imaps'], (ports, folder) => {
    const { uid, gid, username } = userInfo();
    const [mailUid, mailGid] = uid === 0 ? [UNPRIVILEGED, UNPRIVILEGED] : [uid, gid];
    const mail = join(folder.path, 'mail');
    mkdirSync(mail);
    if (uid === 0) chownSync(mail, mailUid, mailGid);
    const users =
      uid === 0 ? '' : `default_internal_user = ${username}\ndefault_login_user = ${username}\ndefault_internal_group = ${gid}\n`;
    const conf = folder.file(
      'dovecot.conf',
      `protocols = imap
listen = 127.0.0.1
base_dir = ${folder.path}/run
state_dir = ${folder.path}/state
log_path = /dev/stderr
${users}ssl = yes
ssl_cert = <${folder.file('cert.pem', server.cert)}
ssl_key = <${folder.file('key.pem', server.key, 0o600)}
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:${mail}
passdb {
  driver = static
  args = password=${IMAP_USER.pass}
}
userdb {
  driver = static
  args = uid=${mailUid} gid=${mailGid} home=${mail}
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
    ssl = yes
  }
}
service anvil {
  chroot =
}
`,
    );
    return ['dovecot', '-F', '-c', conf];
  });
}
