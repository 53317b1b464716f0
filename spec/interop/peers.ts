import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { Daemon, type DaemonOptions } from './daemon.ts';
import { PeerFolder } from './peer-folder.ts';

/** Folders of programs. Those of services are not in the PATH of a normal user. */
const FOLDERS = [
  ...(process.env.PATH ?? '').split(':'),
  ...['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/lib/postfix/sbin'],
  // Debian installs several versions of PostgreSQL side by side.
  ...versionsIn('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`),
];
/** Programs that need root to change their user. */
const ROOT_ONLY = ['danted', 'postfix'];
/** Programs that a peer calls. They are always there, unless the PATH is cut short. */
const CALLED: Readonly<Record<string, readonly string[]>> = { postgres: ['setpriv'], 'rabbitmq-server': ['dirname'] };
/** Attempts to start a peer: another process may bind a free port first. */
const ATTEMPTS = 3;

function versionsIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Returns the path of an installed program. */
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

/** Defines the specs of a real peer. Skips them if its program is not installed; the title then includes the reason. */
export function describePeer(title: string, program: string, specs: () => void): void {
  describePeers(title, [program], specs);
}

/** Defines the specs of several real peers together. */
export function describePeers(title: string, programs: readonly string[], specs: () => void): void {
  const missing = programs.map(problemOf).filter((problem) => problem !== '');
  describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (${missing.join(', ')})` : title, specs);
}

function problemOf(program: string): string {
  if (programOf(program) === undefined) return `${program} is not installed`;
  const missing = CALLED[program]?.find((called) => programOf(called) === undefined);
  if (missing !== undefined) return `${program} calls ${missing}, which is not installed`;
  return ROOT_ONLY.includes(program) && process.getuid?.() !== 0 ? `${program} runs as root only` : '';
}

/**
 * Starts a peer before the specs of a file or a `describe` block, and stops it after them.
 *
 * @param start starts the peer.
 * @param timeout of the start and of the stop, in milliseconds. @default that of vitest's hooks
 * @returns a function that returns the running peer; call it in a spec or a hook.
 */
export function started<T extends { stop(): Promise<void> }>(start: () => Promise<T>, timeout?: number): () => T {
  let starting: Promise<T> | undefined;
  let running: T | undefined;
  beforeAll(async () => {
    starting = start();
    running = await starting;
  }, timeout);
  // A peer that starts after the timeout is stopped, too.
  afterAll(async () => (await starting?.catch(() => undefined))?.stop(), timeout);
  return () => {
    if (!running) throw new Error('expected a call in a spec or a hook, got one before the peer has started');
    return running;
  };
}

/** A running peer. */
export type Peer<Ports extends string> = {
  readonly ports: Readonly<Record<Ports, number>>;
  readonly folder: PeerFolder;
  readonly daemon: Daemon;
  stop(): Promise<void>;
};

/**
 * Starts a peer on free ports of loopback.
 *
 * @param names the names of its ports.
 * @param plan writes the configuration to the folder, and returns the command.
 * @param options for the daemon. @default waits until it listens on all ports
 */
export async function startPeer<Ports extends string>(
  names: readonly Ports[],
  plan: (ports: Readonly<Record<Ports, number>>, folder: PeerFolder) => readonly string[],
  options: (ports: Readonly<Record<Ports, number>>, folder: PeerFolder) => DaemonOptions = (ports) => ({ ports: Object.values(ports) }),
): Promise<Peer<Ports>> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = new PeerFolder();
    try {
      const ports = await portsFor(names);
      const [program = '', ...args] = plan(ports, folder);
      const daemon = await Daemon.start([programOf(program) ?? program, ...args], options(ports, folder));
      const stop = async (): Promise<void> => {
        await daemon.stop();
        folder.remove();
      };
      return { ports, folder, daemon, stop };
    } catch (error) {
      folder.remove();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function portsFor<Ports extends string>(names: readonly Ports[]): Promise<Record<Ports, number>> {
  const ports: Partial<Record<Ports, number>> = {};
  for (const name of names) ports[name] = await deadPort();
  return ports as Record<Ports, number>;
}
