import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** Starts mosquitto: MQTT on `plain`, MQTT over TLS from the first byte on `tls`; without passwords. */
export function startMosquitto(): Promise<Peer<'plain' | 'tls'>> {
  return startPeer(['plain', 'tls'], (ports, folder) => {
    const { cert, key } = certificates.server;
    const conf = folder.file(
      'mosquitto.conf',
      `user root
allow_anonymous true
persistence false
log_dest stderr
listener ${ports.plain} 127.0.0.1
listener ${ports.tls} 127.0.0.1
cafile ${folder.file('ca.pem', certificates.ca)}
certfile ${folder.file('cert.pem', cert)}
keyfile ${folder.file('key.pem', key)}
`,
    );
    return ['mosquitto', '-c', conf];
  });
}
