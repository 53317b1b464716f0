import { existsSync, lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { EDNS, IOStreamError } from '../errors.ts';
import { isAbstract } from '../wire/unix-path.ts';

/** Converts the error of a failed bind. Replaces the system's message if it does not name the cause. */
export function toBindError(
  error: NodeJS.ErrnoException,
  { path, fd }: { readonly path?: string | undefined; readonly fd?: number | undefined },
  then: (error: IOStreamError) => void,
): void {
  const emit = (message?: string): void => then(IOStreamError.from(error, { phase: 'connect', message }));
  if (error.syscall === 'getaddrinfo') then(new IOStreamError(EDNS, { phase: 'resolve', message: error.message, cause: error }));
  else if (fd !== undefined) emit(fdProblem(error, fd));
  else if (path === undefined || isAbstract(path)) emit();
  else if (error.code === 'EACCES' && !existsSync(dirname(path))) emit(`listen EACCES: there is no directory ${dirname(path)}`);
  else if (error.code === 'EADDRINUSE' && lstatSync(path, { throwIfNoEntry: false })?.isSocket())
    checkStale(path, (isStale) => emit(isStale ? `listen EADDRINUSE: ${path} is a stale socket file: ${ADVICE}` : undefined));
  else emit();
}

/** Describes why a descriptor cannot be listened on: the system reports only EINVAL. */
function fdProblem({ code }: NodeJS.ErrnoException, fd: number): string | undefined {
  if (process.platform === 'win32')
    return `listen ${code}: expected a system with inherited descriptors, got Windows: use \`port\` or \`path\``;
  if (code === 'EEXIST') return `listen EEXIST: descriptor ${fd} is already in use by a socket of this process`;
  return `listen ${code}: expected descriptor ${fd} to be a listening socket, TCP or UNIX, that this process has inherited`;
}

const ADVICE = 'no process listens on it; remove the file and listen again';

/** Checks whether a socket file is stale: no process listens on it. */
function checkStale(path: string, then: (isStale: boolean) => void): void {
  const socket = connect({ path });
  socket.on('connect', () => {
    socket.destroy();
    then(false);
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => then(code === 'ECONNREFUSED'));
}
