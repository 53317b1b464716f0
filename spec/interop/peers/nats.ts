import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { json } from 'node:stream/consumers';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { Daemon } from '../daemon.ts';
import { PeerFolder } from '../peer-folder.ts';
import { programOf, startPeer, type Peer } from '../peers.ts';

/** Starts a NATS server without users. TLS of NATS starts after a greeting in clear text; the specs put a TLS front before it instead. */
export function startNats(): Promise<Peer<'port'>> {
  return startPeer(['port'], ({ port }) => ['nats-server', '--addr', '127.0.0.1', '--port', String(port)]);
}

/** The ports of a broker: of clients, of HTTP monitoring, and of the routes of a cluster. */
export interface BrokerPorts {
  readonly client: number;
  readonly monitor: number;
  readonly route: number;
}

/** A NATS server with JetStream that may be killed and started again, with the same ports and files. */
export class Broker {
  readonly ports: BrokerPorts;
  readonly #args: readonly string[];
  readonly #folder = new PeerFolder();
  #daemon: Daemon | undefined;

  constructor(ports: BrokerPorts, args: readonly string[] = []) {
    this.ports = ports;
    this.#args = args;
  }

  /** The address for clients. */
  get url(): string {
    return `127.0.0.1:${this.ports.client}`;
  }

  /** The process, for signals. */
  get pid(): number {
    const pid = this.#daemon?.process.pid;
    if (pid === undefined) throw new Error('expected a broker that runs, got one that was stopped');
    return pid;
  }

  /** Resolves when clients may connect. */
  async start(): Promise<void> {
    const { client, monitor } = this.ports;
    const own = ['-a', '127.0.0.1', '-p', String(client), '-m', String(monitor), '-js', '-sd', this.#folder.path];
    const command = [programOf('nats-server') ?? 'nats-server', ...own, ...this.#args];
    this.#daemon = await Daemon.start(command, { ports: [client, monitor], readyOutput: /Server is ready/ });
  }

  /** Kills the process at once. Its files stay. */
  async kill(): Promise<void> {
    await this.#daemon?.stop();
    this.#daemon = undefined;
  }

  /** Kills the process, and removes its files. */
  async stop(): Promise<void> {
    await this.kill();
    this.#folder.remove();
  }

  /** Reads a page of the monitoring: `/varz`, `/connz`, `/subsz`, `/routez`, `/jsz`. */
  async monitor(page: string): Promise<Record<string, unknown>> {
    // Not `fetch`: it keeps its connection for seconds.
    const request = get({ host: '127.0.0.1', port: this.ports.monitor, path: page, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return (await json(response)) as Record<string, unknown>;
  }
}

/** Starts one broker with JetStream. */
export async function startBroker(): Promise<Broker> {
  const [client, monitor, route] = await portsBelow(3);
  const broker = new Broker({ client: client!, monitor: monitor!, route: route! });
  await startOrStop([broker]);
  return broker;
}

/** Several brokers as one cluster. */
export interface BrokerCluster {
  readonly brokers: readonly Broker[];
  /** The addresses for clients. */
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** What a cluster may change. */
export interface ClusterOptions {
  /** Number of brokers. @default 3 */
  readonly size?: number;
  /** Returns the port at which the other brokers reach the route port of broker `at`: that of a proxy of yours. @default `port` */
  readonly routeVia?: (at: number, port: number) => Promise<number> | number;
}

/** Starts a cluster of brokers with JetStream. Resolves when each has routes to all others, and the cluster has chosen a leader. */
export async function startCluster({ size = 3, routeVia = (_at, port) => port }: ClusterOptions = {}): Promise<BrokerCluster> {
  const free = await portsBelow(3 * size);
  const ports = Array.from({ length: size }, (_, at) => ({ client: free[3 * at]!, monitor: free[3 * at + 1]!, route: free[3 * at + 2]! }));
  const routes = await Promise.all(ports.map(async ({ route }, at) => `127.0.0.1:${await routeVia(at, route)}`));
  const brokers = ports.map((own, at) => {
    const others = routes.filter((_, other) => other !== at).map((route) => `nats-route://${route}`);
    const cluster = ['-cluster_name', 'specs', '-cluster', `nats://127.0.0.1:${own.route}`, '-cluster_advertise', routes[at]!];
    return new Broker(own, ['-n', `broker-${at}`, ...cluster, '-routes', others.join(',')]);
  });
  await startOrStop(brokers);
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.stop()));
  };
  try {
    await until(async () => {
      const routes = await Promise.all(brokers.map((broker) => broker.monitor('/routez')));
      const leaders = await Promise.all(brokers.map((broker) => broker.monitor('/jsz')));
      const hasLeader = leaders.every(({ meta_cluster: meta }) => Boolean((meta as { leader?: string } | undefined)?.leader));
      return hasLeader && routes.every(({ num_routes: count }) => Number(count) >= size - 1);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { brokers, urls: brokers.map(({ url }) => url), stop };
}

async function startOrStop(brokers: readonly Broker[]): Promise<void> {
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await Promise.all(brokers.map((broker) => broker.stop()));
    throw error;
  }
}

async function until(passes: () => Promise<boolean>): Promise<void> {
  for (let round = 0; !(await passes()); round += 1) {
    if (round === 300) throw new Error('expected the cluster to have its routes and a leader within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Free ports below 32768. Above, the kernel may give them to outbound connections before the broker binds them. */
async function portsBelow(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 32_768);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
