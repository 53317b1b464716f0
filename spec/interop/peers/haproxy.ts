import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** What haproxy does on each of its ports. */
type Ports = 'tls' | 'one' | 'reject' | 'drop';

/** Haproxy before a backend: TLS with ALPN; one connection at a time; refusing; silent. `how` it gets to the backend. */
export function startHaproxy(port: number, how = ''): Promise<Peer<Ports>> {
  return startPeer(['tls', 'one', 'reject', 'drop'], (ports, room) => {
    const tls = `ssl crt ${room.file('server.pem', server.cert + server.key)}`;
    const backend = `server echo 127.0.0.1:${port} ${how}`;
    const conf = room.file(
      'haproxy.cfg',
      `global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen tls
  bind 127.0.0.1:${ports.tls} ${tls} alpn h2,http/1.1
  ${backend}
listen one
  bind 127.0.0.1:${ports.one} ${tls}
  maxconn 1
  ${backend}
listen reject
  bind 127.0.0.1:${ports.reject}
  tcp-request connection reject
  ${backend}
listen drop
  bind 127.0.0.1:${ports.drop}
  tcp-request content silent-drop
  ${backend}
`,
    );
    return ['haproxy', '-db', '-f', conf];
  });
}
