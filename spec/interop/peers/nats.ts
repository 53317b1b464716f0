import { startPeer, type Peer } from '../peers.ts';

/** Starts a NATS server without users. TLS of NATS starts after a greeting in clear text; the specs put a TLS front before it instead. */
export function startNats(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }) => ['nats-server', '--addr', '127.0.0.1', '--port', String(port)]);
}
