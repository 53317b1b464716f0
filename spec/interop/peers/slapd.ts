import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** The root of the directory, and the user with write access. */
export const SLAPD = { suffix: 'dc=test', user: 'cn=admin,dc=test', password: 'secret-pass' } as const;

/** Starts OpenLDAP's slapd with an empty directory: LDAP with STARTTLS on `plain`, LDAPS on `tls`. */
export function startSlapd(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, folder) => {
    const { cert, key } = certificates.server;
    mkdirSync(join(folder.path, 'data'));
    const conf = folder.file(
      'slapd.conf',
      `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
pidfile ${folder.path}/pid
argsfile ${folder.path}/args
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${folder.file('ca.pem', certificates.ca)}
TLSCertificateFile ${folder.file('cert.pem', cert)}
TLSCertificateKeyFile ${folder.file('key.pem', key)}
database mdb
maxsize 16777216
suffix "${SLAPD.suffix}"
rootdn "${SLAPD.user}"
rootpw ${SLAPD.password}
directory ${folder.path}/data
`,
    );
    return ['slapd', '-d', '0', '-f', conf, '-h', `ldap://127.0.0.1:${ports.plain} ldaps://127.0.0.1:${ports.tls}`];
  });
}
