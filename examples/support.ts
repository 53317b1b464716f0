// Shared by the examples: a local server on a free port, serving until Ctrl-C, and the command line of a proxy.
import { parseArgs } from 'node:util';
import { listen, type IOStream, type Server } from 'rxjs-io-stream';
import { firstValueFrom, ReplaySubject, switchMap, tap, type Observable, type ObservableInput } from 'rxjs';
import type { DestinationOptions } from './support/destinations.ts';

/** A listening server: its port, and a function that stops it. */
export interface Started {
  readonly port: number;
  readonly stop: () => void;
}

/** Serves on a free port. */
export function serve(handler: (io: IOStream) => ObservableInput<unknown>): Promise<Started> {
  return started(listen({ host: '127.0.0.1', port: 0 }, handler));
}

/** Starts a server; rejects if it cannot listen. */
export async function started(server$: Observable<Server>): Promise<Started> {
  const listening$ = new ReplaySubject<Server>(1);
  const serving = server$.subscribe(listening$);
  const { address } = await firstValueFrom(listening$);
  return { port: typeof address === 'string' ? 0 : address.port, stop: () => serving.unsubscribe() };
}

/** Serves until Ctrl-C. Prints the address, and the error of each failed connection. */
export function serveUntilInterrupted(server$: Observable<Server>): void {
  untilInterrupted(
    server$.pipe(
      tap((server) => console.log('listening on', server.address)),
      switchMap((server) => server.errors$),
      tap((error) => console.error('a connection failed:', String(error))),
    ),
  );
}

/** Subscribes until Ctrl-C, which stops a server and closes its connections. Prints an error and sets the exit code to 1. */
export function untilInterrupted(work$: Observable<unknown>): void {
  const working = work$.subscribe({
    error: (error: unknown) => {
      console.error(String(error)); // for example EADDRINUSE or EACCES
      process.exitCode = 1;
    },
  });
  process.once('SIGINT', () => working.unsubscribe());
}

/** Escapes text from a peer for one line of a log: control and format characters become `\\u{1b}`. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`);
}

/** The options of every proxy. */
export interface ProxyOptions extends DestinationOptions {
  /** The address to listen on. Without a password only a loopback address. @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** @default 0, any free port */
  readonly port?: number | undefined;
  /** The credentials that a client must send. Set both or none. */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Called with each line of the log. */
  readonly log?: ((line: string) => void) | undefined;
}

/** @throws TypeError if any host of the network could use the proxy. */
export function checkProxy({ host = '127.0.0.1', user, pass }: ProxyOptions): void {
  if ((user === undefined) !== (pass === undefined)) throw new TypeError('expected `user` and `pass` both or none, got one');
  if (user === undefined && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))
    throw new TypeError(`expected \`user\` and \`pass\` for a proxy on ${host}, which others can reach, got none`);
}

/** `[--host ADDRESS] [--port PORT] [--user USER --pass PASSWORD] [--allow TARGET]… [--local]` */
export function proxyArguments(port: string): ProxyOptions {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      host: string,
      port: { ...string, default: port },
      user: string,
      pass: string,
      allow: { ...string, multiple: true },
      local: { type: 'boolean' },
    },
  });
  return { ...values, port: Number(values.port), log: (line) => console.log(line) };
}
