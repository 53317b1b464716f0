import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

const SHARED_MEMORY = '/dev/shm';
/** The only user that squid accepts. */
export const SQUID_USER = { user: 'user', pass: 'p:a ss' } as const;

/** Starts squid: CONNECT on `plain`, and over TLS on `tls`. Forbids ports below 1024. */
export function startSquid(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, folder) => {
    // The hash of SQUID_USER.pass was made by `openssl passwd -apr1`.
    const users = folder.file('users', `${SQUID_USER.user}:$apr1$12345678$YZgeBcN6SRFBvkf9/WX7B/\n`);
    const pem = folder.file('server.pem', server.cert + server.key);
    const conf = folder.file(
      'squid.conf',
      `http_port 127.0.0.1:${ports.plain}
https_port 127.0.0.1:${ports.tls} tls-cert=${pem}
icp_port 0
dns_nameservers 127.0.0.1
pinger_enable off
pid_filename none
cache deny all
cache_log /dev/null
access_log none
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${users}
auth_param basic children 1 startup=0 idle=1
auth_param basic realm test
acl auth proxy_auth REQUIRED
acl forbidden port 0-1023
http_access deny forbidden
http_access allow auth
http_access deny all
`,
    );
    // Squid leaves shared memory with its service name behind when it is killed.
    const service = basename(folder.path).replaceAll(/\W/g, '');
    folder.onRemove(() => {
      for (const name of readdirSync(SHARED_MEMORY).filter((name) => name.startsWith(`${service}-`))) rmSync(join(SHARED_MEMORY, name));
    });
    return ['squid', '-N', '-d', '1', '-n', service, '-f', conf];
  });
}
