import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { IOStream } from 'rxjs-io-stream';

/** A server that sends back all it gets, on a free port of the loopback. */
export interface EchoServer {
  readonly host: string;
  readonly port: number;
  /** Takes no more connections; the one there is may finish. */
  readonly close: () => void;
}

/** Starts one. A stream is an async iterable of what it reads, so an echo is a stream that sends itself. */
export async function echoServer(host = '127.0.0.1'): Promise<EchoServer> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (fh) => {
    const io = new IOStream({ fh });
    // What goes wrong with a connection, its client tells.
    io.send(io).subscribe({ error: () => {} });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { host, port, close: () => void server.close() };
}
