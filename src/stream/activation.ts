import cluster from 'node:cluster';
import { IOStreamError } from '../errors.ts';

/** The first descriptor that systemd passes: 0, 1 and 2 are stdin, stdout and stderr. */
const FIRST_FD = 3;
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;
const SOURCE = 'start the program by a .socket unit of systemd or by systemd-socket-activate';

/** The part of the environment of a process that socket activation uses. */
type Environment = Record<string, string | undefined>;

/** A descriptor that the process was started with, and its name. */
interface PassedFd {
  readonly fd: number;
  readonly name: string;
}

let passed: readonly PassedFd[] | undefined;
const taken = new Set<number>();

/**
 * Returns the descriptor of the listening socket that systemd has passed to this process.
 *
 * The variables are removed from `process.env` when they have been read, as `sd_listen_fds(3)` does: a child process inherits
 * neither them nor the descriptors, which Node marks close-on-exec at its start. The descriptors are remembered for later calls.
 *
 * @param choice the name of the descriptor, or true for the only one.
 * @throws IOStreamError with EINVAL that names the variable, and with EBADF at the second call for a descriptor.
 */
export function activationFd(choice: string | true): number {
  passed ??= takePassedFds(process.env, process.pid, cluster.isWorker ? process.ppid : undefined);
  const { fd, name } = choose(passed, choice);
  if (taken.has(fd)) throw takenError(`descriptor ${fd} named ${quoted(name)}`);
  taken.add(fd);
  return fd;
}

/**
 * Reads the variables of socket activation, and removes them.
 *
 * @param env the environment of the process.
 * @param pid the process.
 * @param primary in a worker of a cluster, its primary: a worker inherits the variables, and its `listen({ fd })` uses the primary's
 *   descriptors.
 * @throws IOStreamError with EINVAL that names the variable. The variables remain.
 */
export function takePassedFds(env: Environment, pid: number, primary?: number): PassedFd[] {
  const { LISTEN_FDS: fds, LISTEN_PID: owner, LISTEN_FDNAMES: fdNames } = env;
  if (fds === undefined) throw invalid(`LISTEN_FDS is not set: ${SOURCE}`);
  if (!/^[1-9]\d{0,4}$/.test(fds)) throw invalid(`expected LISTEN_FDS to be a number of descriptors, 1 or more, got ${quoted(fds)}`);
  if (owner !== String(pid) && owner !== String(primary)) {
    const shown = owner === undefined ? 'none' : quoted(owner);
    const advice = 'the variables are for another process, such as a shell or npx that has started this one: start `node` directly';
    throw invalid(`expected LISTEN_PID to be ${pid}, this process, got ${shown}: ${advice}`);
  }
  const count = Number(fds);
  const names = fdNames?.split(':') ?? [];
  if (fdNames !== undefined && names.length !== count)
    throw invalid(`expected LISTEN_FDNAMES to have ${count} names as LISTEN_FDS says, got ${names.length}: ${quoted(fdNames)}`);
  for (const name of VARIABLES) delete env[name]; // eslint-disable-line @typescript-eslint/no-dynamic-delete -- of a constant list
  return Array.from({ length: count }, (_, index) => ({ fd: FIRST_FD + index, name: names[index] ?? 'unknown' }));
}

/** Chooses a descriptor. @throws IOStreamError with EINVAL unless exactly one descriptor matches. */
export function choose(fds: readonly PassedFd[], choice: string | true): PassedFd {
  const matching = choice === true ? fds : fds.filter(({ name }) => name === choice);
  const [first] = matching;
  if (first && matching.length === 1) return first;
  const list = fds.map(({ fd, name }) => `${fd} named ${quoted(name)}`).join(', ');
  if (choice === true) throw invalid(`expected one descriptor for \`activation: true\`, got ${list}: write the name of one`);
  if (!first) throw invalid(`expected a descriptor named ${quoted(choice)}, got ${list}: see FileDescriptorName= of systemd.socket`);
  throw invalid(`expected one descriptor named ${quoted(choice)}, got ${list}: choose by \`fd\``);
}

/** Creates the error of a descriptor that an earlier listener has taken. */
export function takenError(descriptor: string): IOStreamError {
  const message = `listen EBADF: ${descriptor} belongs to an earlier subscription, which closes it: expected one subscription`;
  return new IOStreamError('EBADF', { phase: 'connect', message, facts: { syscall: 'listen' } });
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function invalid(message: string): IOStreamError {
  return new IOStreamError('EINVAL', { phase: 'connect', message: `activation: ${message}`, facts: { syscall: 'listen' } });
}
