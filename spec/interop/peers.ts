import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { Daemon, freePort, type DaemonOptions } from './daemon.ts';
import { Room } from './room.ts';

/** Programs of a service lie where only root looks. */
const FOLDERS = [
  ...(process.env.PATH ?? '').split(':'),
  ...['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/lib/postfix/sbin'],
  // Debian installs several versions of PostgreSQL side by side.
  ...versionsIn('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`),
];
/** They change their user. */
const ROOT_ONLY = ['danted', 'postfix'];
/** Another process may take a port between our look and the peer's bind. */
const ATTEMPTS = 3;

function versionsIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The path of a program of this machine. */
export function programOf(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Describes what holds with a real peer; where its program is not installed, all of it is skipped, and the title says so. */
export function describePeer(title: string, program: string, specs: () => void): void {
  describePeers(title, [program], specs);
}

/** The same with several peers. */
export function describePeers(title: string, programs: readonly string[], specs: () => void): void {
  const missing = programs.map(missingOf).filter((why) => why !== '');
  describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (${missing.join(', ')})` : title, specs);
}

function missingOf(program: string): string {
  if (programOf(program) === undefined) return `${program} is not installed`;
  return ROOT_ONLY.includes(program) && process.getuid?.() !== 0 ? `${program} runs as root only` : '';
}

/** Starts before the specs of the file or the `describe` block, within `timeout` milliseconds if given; stops after them. */
export function started<T extends { stop(): Promise<void> }>(start: () => Promise<T>, timeout?: number): () => T {
  let starting: Promise<T> | undefined;
  let running: T | undefined;
  beforeAll(async () => {
    starting = start();
    running = await starting;
  }, timeout);
  // One that starts too late for the specs is stopped, too.
  afterAll(async () => (await starting?.catch(() => undefined))?.stop(), timeout);
  return () => {
    if (!running) throw new Error('expected the peer to be asked for in a spec or a hook');
    return running;
  };
}

/** A peer that runs. */
export type Peer<Ports extends string> = {
  readonly ports: Readonly<Record<Ports, number>>;
  readonly room: Room;
  readonly daemon: Daemon;
  stop(): Promise<void>;
};

/** Starts a peer on free ports of loopback. `plan` writes its configuration and says how it is run. */
export async function startPeer<Ports extends string>(
  names: readonly Ports[],
  plan: (ports: Readonly<Record<Ports, number>>, room: Room) => readonly string[],
  options: (ports: Readonly<Record<Ports, number>>, room: Room) => DaemonOptions = (ports) => ({ ports: Object.values(ports) }),
): Promise<Peer<Ports>> {
  for (let attempt = 1; ; attempt += 1) {
    const room = new Room();
    try {
      const ports = await portsFor(names);
      const [program = '', ...args] = plan(ports, room);
      const daemon = await Daemon.start([programOf(program) ?? program, ...args], options(ports, room));
      const stop = async (): Promise<void> => {
        await daemon.stop();
        room.remove();
      };
      return { ports, room, daemon, stop };
    } catch (error) {
      room.remove();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function portsFor<Ports extends string>(names: readonly Ports[]): Promise<Record<Ports, number>> {
  const ports: Partial<Record<Ports, number>> = {};
  for (const name of names) ports[name] = await freePort();
  return ports as Record<Ports, number>;
}
