import type { Agent } from 'node:http';
import { agent, dialer, socks5, tlsClient, trace } from 'rxjs-io-stream';
import type { AgentOptions, Dialer, Door, Plugins } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { ca } from '../../support/certificates.ts';
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
  /** For a library that takes a socket, or undici's connector. */
  readonly through: Dialer;
  /** For a library that accepts an `http.Agent`. Without the TLS of the route, because the agent adds TLS for `https:`. */
  agent(options?: AgentOptions): Agent;
  /** For a library that opens its own socket: a door to the server, until the end of the spec. */
  door(): Promise<Door>;
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
  const through = dialer({ plugin });
  return {
    host: HOST,
    port,
    isSecure,
    plugin,
    through,
    agent: (more) => agent({ ...(isSecure ? {} : { plugin }), ...more }),
    async door() {
      const door = await through.door({ host: HOST, port });
      h.defer(() => door.close());
      return door;
    },
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
