import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startBackend, type Backend } from '../backends.ts';

const REPLY = Buffer.from('05000001000000000000', 'hex');
const REFUSED = Buffer.from('05050001000000000000', 'hex');
const IPV4 = 1;
const NAME = 3;

/** A SOCKS5 server without a password, in this process, that connects to 127.0.0.1 only. */
export interface SocksServer extends Backend {
  /** Number of forwarded connections. */
  readonly passed: number;
}

export async function startSocksServer(): Promise<SocksServer> {
  const upstreams = new Set<Socket>();
  let passed = 0;
  const serve = async (client: Socket): Promise<void> => {
    const [, methods = 0] = await take(client, 2);
    await take(client, methods);
    client.write('\x05\x00');
    const port = await target(client);
    const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    upstreams.add(upstream);
    upstream.on('close', () => upstreams.delete(upstream));
    try {
      await once(upstream, 'connect');
    } catch {
      client.end(REFUSED);
      return;
    }
    passed += 1;
    client.write(REPLY);
    client.on('error', () => upstream.resetAndDestroy()).pipe(upstream);
    upstream.on('error', () => client.resetAndDestroy()).pipe(client);
    client.on('close', () => upstream.destroy());
  };
  const server = await startBackend((client) => void serve(client).catch(() => client.destroy()));
  const stop = async (): Promise<void> => {
    for (const upstream of upstreams) upstream.destroy();
    await server.stop();
  };
  return {
    port: server.port,
    stop,
    get passed() {
      return passed;
    },
  };
}

/** Reads a CONNECT request. Returns its port; the host is ignored. */
async function target(client: Socket): Promise<number> {
  const [, , , kind] = await take(client, 4);
  if (kind !== IPV4 && kind !== NAME) throw new Error(`the request has address type ${kind}; only IPv4 addresses and names are supported`);
  await take(client, kind === IPV4 ? 4 : (await take(client, 1))[0]!);
  return (await take(client, 2)).readUInt16BE();
}

async function take(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes?.length === count) return bytes;
    if (socket.readableEnded) throw new Error(`the client has ended before sending ${count} bytes`);
    await once(socket, 'readable');
  }
}
