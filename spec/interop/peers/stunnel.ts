import { startPeer, type Peer } from '../peers.ts';
import * as certificates from '../../support/certificates.ts';

/** The options of one service, besides `accept`: option → value. */
export type StunnelService = Readonly<Record<string, string | number>>;

/** Stunnel with these services, each on a port of its own. `CAfile` and `cert` are those of the specs in all of them. */
export function startStunnel<Name extends string>(services: Readonly<Record<Name, StunnelService>>): Promise<Peer<Name>> {
  return startPeer(Object.keys(services) as Name[], (ports, room) => {
    const pem = room.file('server.pem', certificates.server.cert + certificates.server.key, 0o600);
    const common = { cert: pem, CAfile: room.file('ca.pem', certificates.ca) };
    const sections = (Object.keys(services) as Name[]).map((name) => {
      const options = { accept: `127.0.0.1:${ports[name]}`, ...common, ...services[name] };
      const lines = Object.entries(options).map(([option, value]) => `${option} = ${value}\n`);
      return `[${name}]\n${lines.join('')}`;
    });
    return ['stunnel', room.file('stunnel.conf', `foreground = yes\npid =\nsyslog = no\n${sections.join('')}`)];
  });
}
