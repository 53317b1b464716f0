import { startPeer, type Peer } from '../interop/peers.ts';

/** Starts a NATS server with JetStream, which stores in the folder of the peer. */
export function startJetStream(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }, folder) => [
    ...['nats-server', '--addr', '127.0.0.1', '--port', String(port)],
    ...['--jetstream', '--store_dir', folder.path],
  ]);
}
