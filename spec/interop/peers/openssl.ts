import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import type { Daemon } from '../daemon.ts';
import { startPeer } from '../peers.ts';
import type { Room } from '../room.ts';

/** What OpenSSL's own client and server are told besides where and who: options as on the command line. */
export type OpensslOptions = readonly string[];

/** What `-state` prints when the other end says that it has ended. */
export const CLOSE_NOTIFY = /alert read:warning:close notify/;

/** `openssl s_server` till the end of the spec; its input goes to whoever has connected, what that sends is its output. */
export async function opensslServer(h: Harness, options: OpensslOptions = []): Promise<{ port: number; program: Daemon }> {
  const { ports, daemon, stop } = await startPeer(['tls'], ({ tls }, room) => {
    const identity = identityOf(certificates.server, room);
    return ['openssl', 's_server', '-accept', `127.0.0.1:${tls}`, '-quiet', '-state', ...identity, ...options];
  });
  h.defer(stop);
  return { port: ports.tls, program: daemon };
}

/** `openssl s_client`, connected to this port till the end of the spec; takes the server's certificate only when it is good. */
export async function opensslClient(h: Harness, port: number, options: OpensslOptions = []): Promise<Daemon> {
  const { daemon, stop } = await startPeer([], (_, room) => {
    const identity = identityOf(certificates.client, room);
    const checks = ['-verify_return_error', '-verify_hostname', 'localhost', '-servername', 'localhost'];
    return ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-nocommands', '-state', ...identity, ...checks, ...options];
  });
  h.defer(stop);
  return daemon;
}

/** Who it says it is, and whom it believes. */
function identityOf({ cert, key }: { readonly cert: string; readonly key: string }, room: Room): string[] {
  return ['-cert', room.file('cert.pem', cert), '-key', room.file('key.pem', key), '-CAfile', room.file('ca.pem', certificates.ca)];
}
