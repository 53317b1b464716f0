import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

const SHARED = '/dev/shm';
/** Whom squid lets through. */
export const SQUID_USER = { user: 'user', pass: 'p:a ss' } as const;

/** Squid: CONNECT over `plain`, and over TLS with the server's certificate on `tls`; no port below 1024 is allowed. */
export function startSquid(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, room) => {
    // $apr1$ of SQUID_USER.pass, by `openssl passwd -apr1`.
    const users = room.file('users', `${SQUID_USER.user}:$apr1$12345678$YZgeBcN6SRFBvkf9/WX7B/\n`);
    const pem = room.file('server.pem', server.cert + server.key);
    const conf = room.file(
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
    // It shares memory under its service name, and leaves it behind when it is killed.
    const service = basename(room.folder).replaceAll(/\W/g, '');
    room.afterwards(() => {
      for (const name of readdirSync(SHARED).filter((name) => name.startsWith(`${service}-`))) rmSync(join(SHARED, name));
    });
    return ['squid', '-N', '-d', '1', '-n', service, '-f', conf];
  });
}
