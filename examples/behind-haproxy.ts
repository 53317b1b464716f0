// A server behind haproxy that knows its clients: it logs and answers their addresses, and limits each of them.
//   npx tsx examples/behind-haproxy.ts [--host 127.0.0.1] [--port 7007] [--trust 127.0.0.1]… [--deny 203.0.113.0/24]…
//
// haproxy.cfg:
//   frontend in
//     mode tcp
//     bind :7000
//     default_backend app
//   backend app
//     mode tcp
//     server one 127.0.0.1:7007 send-proxy-v2 check check-send-proxy
import { acceptProxyProtocol, EBLOCKED, framed, IOStreamError, lines, listen, type Server } from 'rxjs-io-stream';
import { EMPTY, finalize, map, switchMap, tap, type Observable } from 'rxjs';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';
import { printable } from './support/printable.ts';
import { untilInterrupted } from './support/until-interrupted.ts';

export interface BehindHaproxyOptions {
  /** The address to listen on. @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** @default 0, any free port */
  readonly port?: number | undefined;
  /** The addresses and ranges of the proxies. Others cannot connect. @default 127.0.0.1 */
  readonly trusted?: readonly string[] | undefined;
  /** The addresses and ranges of clients that are refused. @default none */
  readonly deny?: readonly string[] | undefined;
  /** Called with each line of the log. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Serves while subscribed. Emits the server when it listens. */
export function behindHaproxy({
  host = '127.0.0.1',
  port = 0,
  trusted = [host],
  deny = [],
  log,
}: BehindHaproxyOptions): Observable<Server> {
  const proxied = acceptProxyProtocol({ trusted, admit: { deny, perAddress: 10, perAddressPerSecond: 50 } });
  // `admit` of the server judges the proxies: any other host is reset before a byte is read.
  return listen({ host, port, admit: { allow: trusted }, plugin: { proxied }, timeouts: { idle: 60_000 } }, (io) => {
    if (io.details.proxied.command === 'LOCAL') return EMPTY; // a health check
    const { address, port: clientPort } = io.details.proxied.client;
    const client = `${address} port ${clientPort}`;
    log?.(`${client}: connected by ${io.details.proxied.proxy?.address}`);
    const { messages$, write } = framed(io, lines({ maxLength: 1000 }));
    write(`hello ${client}`);
    return messages$.pipe(
      tap((line) => {
        log?.(`${client}: ${printable(line)}`);
        write(`${client}: ${line}`);
      }),
      finalize(() => log?.(`${client}: closed`)),
    );
  });
}

function inWords(error: unknown): string {
  return error instanceof IOStreamError && error.code === EBLOCKED ? `refused: ${error.message}` : `a connection failed: ${String(error)}`;
}

function main(): void {
  const { values } = parseCommandLine({
    host: TEXT,
    port: { ...TEXT, default: '7007' },
    trust: { ...TEXT, multiple: true },
    deny: { ...TEXT, multiple: true },
  });
  const log = (line: string): void => console.log(line);
  untilInterrupted(
    behindHaproxy({ host: values.host, port: parsePort(values.port), trusted: values.trust, deny: values.deny, log }).pipe(
      tap((server) => console.log('listening on', server.address)),
      switchMap((server) => server.errors$.pipe(map(inWords), tap(log))),
    ),
  );
}

runProgram(import.meta.url, main);
