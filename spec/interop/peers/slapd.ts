import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** The root of the directory, and the user that may write. */
export const SLAPD = { suffix: 'dc=test', user: 'cn=admin,dc=test', password: 'secret-pass' } as const;

/** OpenLDAP's slapd with an empty directory: LDAP with STARTTLS on `plain`, LDAPS on `tls`. */
export function startSlapd(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, room) => {
    const { cert, key } = certificates.server;
    mkdirSync(join(room.folder, 'data'));
    const conf = room.file(
      'slapd.conf',
      `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
pidfile ${room.folder}/pid
argsfile ${room.folder}/args
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${room.file('ca.pem', certificates.ca)}
TLSCertificateFile ${room.file('cert.pem', cert)}
TLSCertificateKeyFile ${room.file('key.pem', key)}
database mdb
maxsize 16777216
suffix "${SLAPD.suffix}"
rootdn "${SLAPD.user}"
rootpw ${SLAPD.password}
directory ${room.folder}/data
`,
    );
    return ['slapd', '-d', '0', '-f', conf, '-h', `ldap://127.0.0.1:${ports.plain} ldaps://127.0.0.1:${ports.tls}`];
  });
}
