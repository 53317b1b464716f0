// The processes of the cluster: brokers and nodes.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A process that runs until it is killed. */
export interface Running {
  readonly name: string;
  readonly port: number;
  kill(): Promise<void>;
}

/** Debian installs the broker in /usr/sbin, which is in the PATH of root only. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin` };

/** Whether the broker of Debian, or of nats.io, is installed. */
export function hasBroker(): boolean {
  return spawnSync('nats-server', ['--version'], { stdio: 'ignore', env }).status === 0;
}

/** Starts brokers that store each message together. Nodes may start meanwhile: {@link untilListening} waits for a broker. */
export async function startBrokers(count: number): Promise<Running[]> {
  const ports = Array.from({ length: 2 * count }, () => 0);
  for (const [index] of ports.entries()) ports[index] = await freePort(ports);
  const [clients, routes] = [ports.slice(0, count), ports.slice(count)];
  const addresses = routes.map((port) => `nats://127.0.0.1:${port}`);
  return clients.map((port, index) => {
    const folder = mkdtempSync(join(tmpdir(), 'chat-cluster-'));
    const cluster = ['--cluster_name', 'chat', '--cluster', addresses[index] ?? '', '--routes', addresses.join(',')];
    const own = ['--addr', '127.0.0.1', '--port', String(port), '--name', `broker-${index + 1}`, '--jetstream', '--store_dir', folder];
    const child = spawn('nats-server', [...own, ...cluster], { stdio: 'ignore', env });
    return runningOf(`broker-${index + 1}`, port, child, () => rmSync(folder, { recursive: true, force: true }));
  });
}

/** Starts a node of the chat. Without brokers, its rooms are in its memory. */
export async function startNode(name: string, brokers: readonly Running[]): Promise<Running> {
  const servers = brokers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const options = brokers.length > 0 ? ['--brokers', servers, '--replicas', String(brokers.length)] : [];
  const program = fileURLToPath(new URL('node.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`expected ${name} to listen, it has exited with code ${code}`);
  });
  exited.catch(() => {});
  const [text] = (await Promise.race([once(child.stdout, 'data'), exited])) as [Buffer];
  return runningOf(name, Number(/^port (\d+)/.exec(text.toString())?.[1]), child);
}

function runningOf(name: string, port: number, child: ChildProcess, onExit: () => void = () => {}): Running {
  const exited = once(child, 'exit').then(onExit);
  const kill = (): Promise<void> => {
    child.kill('SIGKILL');
    return exited;
  };
  process.once('exit', () => child.kill('SIGKILL'));
  return { name, port, kill };
}

/** Resolves when a port of this machine accepts connections. */
export async function untilListening(port: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await wait(50);
    } finally {
      socket.destroy();
    }
  }
}

/** A port below 32768: the kernel lends those above to clients. */
async function freePort(taken: readonly number[]): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      if (!taken.includes(port)) return (server.address() as AddressInfo).port;
    } catch {
      continue; // In use.
    } finally {
      server.close();
    }
  }
}
