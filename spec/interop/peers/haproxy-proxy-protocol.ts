import { ca, server } from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/**
 * The ports of haproxy: to the backend with a header of version 1, of version 2, of version 2 with a checksum, behind TLS, and
 * without a header; and one that requires a header, and answers what it has read.
 */
type Ports = 'v1' | 'v2' | 'crc' | 'tls' | 'none' | 'accept';

/**
 * Starts haproxy with the PROXY protocol on both sides.
 *
 * @param checksHealth whether it connects to the backend every 100 ms, with LOCAL.
 */
export function startProxyProtocol(backend: number, { checksHealth = false } = {}): Promise<Peer<Ports>> {
  return startPeer(['v1', 'v2', 'crc', 'tls', 'none', 'accept'], (ports, folder) => {
    const pem = folder.file('server.pem', server.cert + server.key);
    const tls = `ssl crt ${pem} ca-file ${folder.file('ca.pem', ca)} verify optional alpn h2`;
    const to = (name: Ports, bind: string, options: string): string => `listen ${name}
  bind 127.0.0.1:${ports[name]} ${bind}
  server our 127.0.0.1:${backend} ${options}
`;
    const health = `backend health
  option tcp-check
  tcp-check send ping
  tcp-check expect string ping
  server our 127.0.0.1:${backend} send-proxy-v2 check check-send-proxy inter 100ms
`;
    const conf = folder.file(
      'haproxy.cfg',
      `global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  unique-id-format %pid-%rt
${to('v1', '', 'send-proxy')}
${to('v2', '', 'send-proxy-v2')}
${to('crc', '', 'send-proxy-v2 proxy-v2-options crc32c,unique-id')}
${to('tls', tls, 'send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c')}
${to('none', '', '')}
${checksHealth ? health : ''}frontend accept
  mode http
  bind 127.0.0.1:${ports.accept} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] authority=%[fc_pp_authority] id=%[fc_pp_unique_id]"
`,
    );
    return ['haproxy', '-db', '-f', conf];
  });
}
