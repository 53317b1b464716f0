import { startPeer, type Peer } from '../peers.ts';

/** The only user that tinyproxy accepts. */
export const TINYPROXY_USER = { user: 'user', pass: 'secret-pass' } as const;

/** Starts tinyproxy: CONNECT to the `allowed` ports. Forbids all others. */
export function startTinyproxy(allowed: readonly number[]): Promise<Peer<'proxy'>> {
  return startPeer(['proxy'], (ports, folder) => {
    const conf = folder.file(
      'tinyproxy.conf',
      `Port ${ports.proxy}
Listen 127.0.0.1
Timeout 60
MaxClients 100
Allow 127.0.0.1
BasicAuth ${TINYPROXY_USER.user} ${TINYPROXY_USER.pass}
${allowed.map((port) => `ConnectPort ${port}`).join('\n')}
`,
    );
    return ['tinyproxy', '-d', '-c', conf];
  });
}
