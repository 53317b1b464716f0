import { once } from 'node:events';
import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { defer, switchMap } from 'rxjs';
import { agent, connect, IOStream, relay, socks5, tlsClient, toDuplex, trace } from 'rxjs-io-stream';
import type { AgentOptions, IOStreamOptions, Plugins } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
import { serving, type Serving } from '../../support/clients.ts';
import type { Harness } from '../../support/harness.ts';
import { startSocksServer } from './socks-server.ts';

const HOST = '127.0.0.1';
/** What web servers of both versions choose from; other servers ignore it. */
const ALPNProtocols = ['http/1.1', 'h2'];

/** What lies between a client library and its server. */
export type RouteName = 'trace + socks5' | 'tlsClient';

/** A way to a server, and the forms in which a library takes it. */
export interface Route {
  readonly host: string;
  readonly port: number;
  /** Whether the bytes are encrypted below the library. */
  readonly isSecure: boolean;
  readonly plugin: Plugins;
  /** For a library that calls for a socket: `stream`, `createConnection`, `socket`, … */
  dial(): Socket;
  /** For a library that wants a socket that is connected. */
  dialled(): Promise<Socket>;
  /** For a library that takes an `http.Agent`; without TLS of the route, as `https:` brings its own. */
  agent(options?: AgentOptions): Agent;
  /** For a library that connects by itself: a local port, forwarded through the route. */
  forward(): Promise<{ readonly host: string; readonly port: number }>;
}

/** Opens a route to the server, or to another port, until the end of the spec. It must have been used by then. */
type Open = (h: Harness, port?: number) => Promise<Route>;

/** Describes what holds on each route; `ports` has the port of the server of each one. */
export function eachRoute(ports: Partial<Record<RouteName, () => number>>, specs: (open: Open, name: RouteName) => void): void {
  for (const [name, port] of Object.entries(ports) as [RouteName, () => number][])
    describe(name, () => specs((h, other) => openRoute(h, name, other ?? port()), name));
}

async function openRoute(h: Harness, name: RouteName, port: number): Promise<Route> {
  const isSecure = name === 'tlsClient';
  const plugin = isSecure ? { ssl: tlsClient({ ca, ALPNProtocols }) } : await traced(h);
  const options = { host: HOST, port, plugin };
  // Any Duplex will do: the types of the libraries name the socket of Node.
  const dial: Route['dial'] = () => toDuplex(new IOStream(options)) as unknown as Socket;
  return {
    host: HOST,
    port,
    isSecure,
    plugin,
    dial,
    async dialled() {
      const socket = dial();
      await once(socket, 'connect');
      return socket;
    },
    agent: (more) => agent({ ...(isSecure ? {} : { plugin }), ...more }),
    forward: async () => (await forwarded(h, options)).at,
  };
}

/** A SOCKS5 proxy in this process, with a trace above it. All bytes of the spec go through both. */
async function traced(h: Harness): Promise<Plugins> {
  const server = await startSocksServer();
  h.defer(() => server.stop());
  let entries = 0;
  h.defer(() => expect(server.passed > 0 && entries > 0, `expected the route to be used, got ${server.passed} connections`).toBe(true));
  return { log: trace({ sink: () => (entries += 1) }), socks: socks5({ host: HOST, port: server.port }) };
}

function forwarded(h: Harness, options: IOStreamOptions): Promise<Serving> {
  const to = { ...options, allowHalfOpen: true };
  return serving(h, (io) => defer(() => connect(to)).pipe(switchMap((far) => relay(io, far))));
}
