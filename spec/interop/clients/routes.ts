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
/** The protocols that web servers may choose from. Other servers ignore them. */
const ALPNProtocols = ['http/1.1', 'h2'];

/** The stack of plugins between a client library and its server. */
export type RouteName = 'trace + socks5' | 'tlsClient';

/** A stack of plugins to a server, in the forms that libraries accept. */
export interface Route {
  readonly host: string;
  readonly port: number;
  /** Whether the bytes are encrypted below the library. */
  readonly isSecure: boolean;
  readonly plugin: Plugins;
  /** For a library that calls a function to get a socket: `stream`, `createConnection`, `socket`, … */
  dial(): Socket;
  /** For a library that requires a connected socket. */
  connectedSocket(): Promise<Socket>;
  /** For a library that accepts an `http.Agent`. Without the TLS of the route, because the agent adds TLS for `https:`. */
  agent(options?: AgentOptions): Agent;
  /** For a library that opens its own socket: a local port that is forwarded through the route. */
  forward(): Promise<{ readonly host: string; readonly port: number }>;
}

/** Opens a route to the server, or to another port, until the end of the spec. Fails the spec if the route is not used. */
type Open = (h: Harness, port?: number) => Promise<Route>;

/** Defines the specs of each route. `ports` are the ports of the server, by route. */
export function eachRoute(ports: Partial<Record<RouteName, () => number>>, specs: (open: Open, name: RouteName) => void): void {
  for (const [name, port] of Object.entries(ports) as [RouteName, () => number][])
    describe(name, () => specs((h, other) => openRoute(h, name, other ?? port()), name));
}

async function openRoute(h: Harness, name: RouteName, port: number): Promise<Route> {
  const isSecure = name === 'tlsClient';
  const plugin = isSecure ? { ssl: tlsClient({ ca, ALPNProtocols }) } : await traced(h);
  const options = { host: HOST, port, plugin };
  // The libraries accept any Duplex; their types require a net.Socket.
  const dial: Route['dial'] = () => toDuplex(new IOStream(options)) as unknown as Socket;
  return {
    host: HOST,
    port,
    isSecure,
    plugin,
    dial,
    async connectedSocket() {
      const socket = dial();
      await once(socket, 'connect');
      return socket;
    },
    agent: (more) => agent({ ...(isSecure ? {} : { plugin }), ...more }),
    forward: async () => (await forwarded(h, options)).at,
  };
}

/** Starts a SOCKS5 proxy in this process. Returns the plugins: a trace above the proxy. */
async function traced(h: Harness): Promise<Plugins> {
  const server = await startSocksServer();
  h.defer(() => server.stop());
  let entries = 0;
  h.defer(() =>
    expect(server.passed > 0 && entries > 0, `the route was not used: ${server.passed} connections, ${entries} trace entries`).toBe(true),
  );
  return { log: trace({ sink: () => (entries += 1) }), socks: socks5({ host: HOST, port: server.port }) };
}

function forwarded(h: Harness, options: IOStreamOptions): Promise<Serving> {
  const to = { ...options, allowHalfOpen: true };
  return serving(h, (io) => defer(() => connect(to)).pipe(switchMap((far) => relay(io, far))));
}
