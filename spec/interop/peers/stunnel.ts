import { startPeer, type Peer } from '../peers.ts';
import * as certificates from '../../support/certificates.ts';

/** The options of one service, except `accept`, by name. */
export type StunnelService = Readonly<Record<string, string | number>>;

/** Starts stunnel with these services, each on its own port. All use the `CAfile` and `cert` of the specs. */
export function startStunnel<Name extends string>(services: Readonly<Record<Name, StunnelService>>): Promise<Peer<Name>> {
  return startPeer(Object.keys(services) as Name[], (ports, folder) => {
    const pem = folder.file('server.pem', certificates.server.cert + certificates.server.key, 0o600);
    const common = { cert: pem, CAfile: folder.file('ca.pem', certificates.ca) };
    const sections = (Object.keys(services) as Name[]).map((name) => {
      const options = { accept: `127.0.0.1:${ports[name]}`, ...common, ...services[name] };
      const lines = Object.entries(options).map(([option, value]) => `${option} = ${value}\n`);
      return `[${name}]\n${lines.join('')}`;
    });
    return ['stunnel', folder.file('stunnel.conf', `foreground = yes\npid =\nsyslog = no\n${sections.join('')}`)];
  });
}
