import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Observable } from 'rxjs';
import { toBindError } from '../stream/bind-error.ts';
import { hostAndPort } from '../util/host.ts';
import { Access } from './access.ts';
import { checkInspectOptions, isLoopback, type InspectOptions } from './inspect-options.ts';
import { Inspection } from './inspection.ts';
import { Routes } from './routes.ts';

/** The page that {@link inspect} serves. */
export interface Inspector {
  /** The address of the page. Keep it secret: its token allows to see, record and close your connections. */
  readonly url: string;
  /** The port of the page. */
  readonly port: number;
}

/** Limits of the HTTP server: a browser uses up to six connections, and requests have no body. */
const LIMITS = { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 };
const MAX_SOCKETS = 32;

/** Random bytes of a token. */
const TOKEN_BYTES = 24;

/**
 * Serves a page that shows all connections of this process live: states, layers, rates, queues, pauses, the phases of opening, and the
 * last errors. Its buttons record, close and reset a connection.
 *
 * ```text
 *   subscribe ── listen on loopback ──▶ { url }          your connections ──▶ diagnostics channels ──▶ page
 *   unsubscribe ──▶ stops, frees everything
 * ```
 *
 * Shows connections that are opened after the subscription. See docs/guides/inspect.md.
 *
 * **A recording contains everything that passes, such as passwords.** The page is for you, on this machine:
 *
 * - It listens on loopback only, unless `allowHosts` names other hosts.
 * - It refuses requests without the token in `url`, of other pages (Origin), and to other names (Host).
 *
 * **Errors**
 * - A failed bind errors the Observable with an `IOStreamError` (EADDRINUSE, EACCES, …).
 *
 * **Closing**
 * - Never completes. The process may exit while subscribed. Without a subscriber, nothing is measured.
 *
 * **Memory**
 * - At most `maxConnections` connections, 120 samples and 8 errors of each, and 8 recordings of `recordLimit` bytes.
 *
 * ```ts
 * import { inspect } from 'rxjs-io-stream/inspect';
 *
 * inspect({ port: 9230 }).subscribe(({ url }) => console.log('connections:', url));
 * ```
 *
 * @param options the address, the token and the limits.
 * @returns a cold Observable of the page. Each subscription serves one of its own.
 * @throws TypeError for wrong options, at the call.
 */
export function inspect(options: InspectOptions = {}): Observable<Inspector> {
  const settings = checkInspectOptions(options);
  return new Observable((out) => {
    const { host, port, allowHosts } = settings;
    const token = settings.token ?? randomBytes(TOKEN_BYTES).toString('base64url');
    const inspection = new Inspection(settings);
    const routes = new Routes(new Access(token, allowHosts), inspection);
    const server = createServer(LIMITS, (request, response) => routes.answer(request, response));
    server.maxConnections = MAX_SOCKETS;
    // The process may exit while a browser shows the page.
    server.on('connection', (socket) => socket.unref());
    server.on('error', (error) => toBindError(error, {}, (reported) => out.error(reported)));
    server.listen({ host, port }, () => {
      // Unsubscribed while the name of the host was looked up.
      if (out.closed) server.close();
      if (out.closed) return;
      const { port: bound, address } = server.address() as AddressInfo;
      out.next({ url: `http://${nameOf(address, allowHosts)}:${bound}/${token}/`, port: bound });
    });
    server.unref();
    return () => {
      inspection.unsubscribe();
      server.close();
      server.closeAllConnections();
    };
  });
}

/** The host in the URL: the address if it is one of loopback, otherwise the first of the allowed names. */
function nameOf(address: string, allowHosts: readonly string[]): string {
  const name = isLoopback(address) ? address : (allowHosts[0] ?? address);
  return hostAndPort(name);
}
