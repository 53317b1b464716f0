import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

export const REDIS_PASSWORD = 'secret-pass';

/** Redis with a password, plain and over TLS; keeps nothing. */
export function startRedis(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, room) => {
    const { cert, key } = certificates.server;
    const conf = room.file(
      'redis.conf',
      `bind 127.0.0.1
port ${ports.plain}
tls-port ${ports.tls}
tls-cert-file ${room.file('cert.pem', cert)}
tls-key-file ${room.file('key.pem', key)}
tls-ca-cert-file ${room.file('ca.pem', certificates.ca)}
tls-auth-clients no
requirepass ${REDIS_PASSWORD}
save ""
appendonly no
dir ${room.folder}
`,
    );
    return ['redis-server', conf];
  });
}
