import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** The only recipient that postfix rejects. */
export const REFUSED = 'refused@localhost';

/** The services of postfix that smtpd uses, as lines of master.cf. */
const SERVICES = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
discard unix - - n - - discard
error unix - - n - - error
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`;

/** The folders that `postfix start` would create, which takes a second or two. */
const QUEUE = ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'pid', 'private', 'public'].map(
  (name) => `queue/${name}`,
);

/** Starts postfix: SMTP with STARTTLS on `smtp`, over TLS from the first byte on `smtps`. Discards all mail. */
export function startPostfix(): Promise<Peer<'smtp' | 'smtps'>> {
  return startPeer(['smtp', 'smtps'], (ports, folder) => {
    const owner = Number(/^postfix:[^:]*:(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[1]);
    for (const name of ['etc', 'queue', 'data', ...QUEUE]) {
      mkdirSync(join(folder.path, name));
      if (name.includes('/') || name === 'data') chownSync(join(folder.path, name), owner, -1);
    }
    folder.file(
      'etc/master.cf',
      `127.0.0.1:${ports.smtp} inet n - n - 10 smtpd\n127.0.0.1:${ports.smtps} inet n - n - 10 smtpd -o smtpd_tls_wrappermode=yes\n${SERVICES}`,
    );
    folder.file(
      'etc/main.cf',
      `compatibility_level = 3.6
queue_directory = ${folder.path}/queue
data_directory = ${folder.path}/data
maillog_file_prefixes = ${folder.path}
maillog_file = ${folder.path}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination = localhost
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard
local_transport = discard
smtp_host_lookup = native
smtpd_recipient_restrictions = check_recipient_access inline:{${REFUSED}=REJECT}
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${folder.file('server.pem', server.key + server.cert, 0o600)}
smtpd_tls_received_header = yes
`,
    );
    return ['master', '-d', '-c', join(folder.path, 'etc')];
  });
}
