import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** The password of the default user. */
export const REDIS_PASSWORD = 'secret-pass';

/** Starts redis with a password: plain, and over TLS. Stores nothing on disk. */
export function startRedis(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, folder) => {
    const { cert, key } = certificates.server;
    const conf = folder.file(
      'redis.conf',
      `bind 127.0.0.1
port ${ports.plain}
tls-port ${ports.tls}
tls-cert-file ${folder.file('cert.pem', cert)}
tls-key-file ${folder.file('key.pem', key)}
tls-ca-cert-file ${folder.file('ca.pem', certificates.ca)}
tls-auth-clients no
requirepass ${REDIS_PASSWORD}
save ""
appendonly no
dir ${folder.path}
`,
    );
    return ['redis-server', conf];
  });
}
