import { startPeer, type Peer } from '../peers.ts';

/** Starts dante: SOCKS4 and SOCKS5 without a password. Blocks ports up to 1023. Does not support SOCKS4a. */
export function startDante(): Promise<Peer<'socks'>> {
  return startPeer(['socks'], (ports, folder) => {
    const conf = folder.file(
      'danted.conf',
      `logoutput: stderr
internal: 127.0.0.1 port = ${ports.socks}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {
    from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks block {
    from: 127.0.0.0/8 to: 0.0.0.0/0 port 1-1023
}
socks pass {
    from: 127.0.0.0/8 to: 0.0.0.0/0
    protocol: tcp
}
`,
    );
    return ['danted', '-f', conf];
  });
}
