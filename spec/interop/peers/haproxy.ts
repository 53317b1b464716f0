import { server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** The ports of haproxy: TLS with ALPN, TLS for one connection at a time, rejected connections, and silently dropped ones. */
type Ports = 'tls' | 'one' | 'reject' | 'drop';

/**
 * Starts haproxy in front of a backend.
 *
 * @param port the port of the backend.
 * @param serverOptions more options of haproxy's `server` line, such as a proxy to the backend.
 */
export function startHaproxy(port: number, serverOptions = ''): Promise<Peer<Ports>> {
  return startPeer(['tls', 'one', 'reject', 'drop'], (ports, folder) => {
    const tls = `ssl crt ${folder.file('server.pem', server.cert + server.key)}`;
    const backend = `server echo 127.0.0.1:${port} ${serverOptions}`;
    const conf = folder.file(
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
