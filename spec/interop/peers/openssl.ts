import * as certificates from '../../support/certificates.ts';
import type { Harness } from '../../support/harness.ts';
import type { Daemon } from '../daemon.ts';
import { startPeer } from '../peers.ts';
import type { PeerFolder } from '../peer-folder.ts';

/** Additional command-line options of OpenSSL's client and server. */
export type OpensslOptions = readonly string[];

/** The line that `-state` prints when a close_notify has arrived. */
export const CLOSE_NOTIFY = /alert read:warning:close notify/;

/** Runs `openssl s_server` until the end of the spec. Sends its input to the client, and prints what the client sends. */
export async function opensslServer(h: Harness, options: OpensslOptions = []): Promise<{ port: number; program: Daemon }> {
  const { ports, daemon, stop } = await startPeer(['tls'], ({ tls }, folder) => {
    const identity = identityOf(certificates.server, folder);
    return ['openssl', 's_server', '-accept', `127.0.0.1:${tls}`, '-quiet', '-state', ...identity, ...options];
  });
  h.defer(stop);
  return { port: ports.tls, program: daemon };
}

/** Runs `openssl s_client`, connected to this port, until the end of the spec. Verifies the certificate of the server. */
export async function opensslClient(h: Harness, port: number, options: OpensslOptions = []): Promise<Daemon> {
  const { daemon, stop } = await startPeer([], (_, folder) => {
    const identity = identityOf(certificates.client, folder);
    const checks = ['-verify_return_error', '-verify_hostname', 'localhost', '-servername', 'localhost'];
    return ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-nocommands', '-state', ...identity, ...checks, ...options];
  });
  h.defer(stop);
  return daemon;
}

/** Returns the options for its certificate, its key and the authority that it trusts. */
function identityOf({ cert, key }: { readonly cert: string; readonly key: string }, folder: PeerFolder): string[] {
  return ['-cert', folder.file('cert.pem', cert), '-key', folder.file('key.pem', key), '-CAfile', folder.file('ca.pem', certificates.ca)];
}
