import { map, throwError } from 'rxjs';
import { ETOCONNECT, IOStreamError } from '../errors.ts';
import { within } from './deadline.ts';
import { judgePath } from './guard.ts';
import { nodeStream } from './node-stream.ts';
import type { OpenStream } from './open-stream.ts';
import { probedAttempt } from './probed-attempt.ts';
import { connectSocket } from './connect-socket.ts';
import type { Wire } from './signal.ts';
import { checkUnixPath, pathInWords } from './unix-path.ts';
import { wireDetails } from './wire-details.ts';

/**
 * Creates a wire over a UNIX socket or a named pipe. Connects to `dial.to.path`. On Linux, a path with a leading NUL names an
 * abstract socket, which has no file.
 *
 * **Errors**
 * - ETOCONNECT after `timeouts.connect`.
 * - Otherwise the code of the system. ENOENT: no such path. ECONNREFUSED: no process listens on it. ENAMETOOLONG: more than 108
 *   bytes on Linux.
 *
 * **Closing**: unsubscribing frees the socket at once.
 *
 * **Backpressure**: lossless.
 *
 * ```ts
 * import { stack, unix } from 'rxjs-io-stream';
 *
 * export const wire = stack({}, unix());
 * ```
 *
 * @returns a wire for targets with `path`.
 */
export function unix(): Wire {
  return nodeStream((dial) => {
    const { to } = dial;
    if (!to || !('path' in to)) throw new TypeError(`expected a target with a path for unix, got ${to ? 'host and port' : 'none'}`);
    checkUnixPath(to.path, 'connect');
    const blocked = judgePath(dial.guard, to.path);
    if (blocked) return throwError(() => blocked);
    const opened$ = connectSocket({ path: to.path }).pipe(
      map((socket): OpenStream => ({
        kind: 'opened',
        readable: socket,
        writable: socket,
        details: wireDetails({ wire: 'unix', path: to.path }, socket),
      })),
    );
    const attempt$ = dial.probe ? opened$.pipe(probedAttempt(dial.probe, to.path)) : opened$;
    return within(attempt$, dial.timeouts.connect, dial, (ms) => {
      const message = `connect timed out: no answer from ${pathInWords(to.path)} within ${ms} ms`;
      return new IOStreamError(ETOCONNECT, { phase: 'connect', message });
    });
  });
}
