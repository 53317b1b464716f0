import { map } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import { within } from './deadline.ts';
import { nodeStream, type Opened } from './node-stream.ts';
import { connectSocket } from './socket.ts';
import type { Wire } from './signal.ts';
import { checkUnixPath, pathInWords } from './unix-path.ts';

/**
 * Connects to a UNIX socket or a named pipe, as `dial.to.path` says, and carries bytes. On Linux a path that begins with NUL is an
 * abstract socket: a name without a file.
 *
 * Errors with ETOCONNECT after `timeouts.connect`, or the code of the system (ENOENT: no such path; ECONNREFUSED: nobody
 * listens on it; ENAMETOOLONG: more than 108 bytes on Linux). Unsubscribed: frees the socket at once. Lossless.
 *
 * ```ts
 * import { stack, unix } from 'rxjs-io-stream';
 *
 * export const wire = stack({}, unix());
 * ```
 */
export function unix(): Wire {
  return nodeStream((dial) => {
    const { to } = dial;
    if (!to || !('path' in to)) throw new TypeError(`expected a target with a path for unix, got ${to ? 'host and port' : 'none'}`);
    checkUnixPath(to.path, 'connect');
    const opened$ = connectSocket({ path: to.path }).pipe(
      map((socket): Opened => ({
        kind: 'opened',
        readable: socket,
        writable: socket,
        details: { wire: 'unix', path: to.path, handle: socket },
      })),
    );
    return within(opened$, dial.timeouts.connect, dial, (ms) => {
      const message = `expected a connection to ${pathInWords(to.path)} within ${ms} ms, got no answer`;
      return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
    });
  });
}
