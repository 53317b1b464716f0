// What the examples share: a server on a free port of this machine to talk to, how a program serves until Ctrl-C, and the command
// line of a proxy.
import { parseArgs } from 'node:util';
import { listen, type IOStream, type Server } from 'rxjs-io-stream';
import { firstValueFrom, ReplaySubject, switchMap, tap, type Observable, type ObservableInput } from 'rxjs';
import type { DestinationOptions } from './support/destinations.ts';

/** A server that listens: on which port, and how to stop it. */
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

/** Serves until Ctrl-C; prints where, and which connection failed: it hurts no other. */
export function serveUntilInterrupted(server$: Observable<Server>): void {
  untilInterrupted(
    server$.pipe(
      tap((server) => console.log('listening on', server.address)),
      switchMap((server) => server.errors$),
      tap((error) => console.error('a connection failed:', String(error))),
    ),
  );
}

/** Subscribes until Ctrl-C, which for a server stops listening and closes all. An error is printed, and is the program's failure. */
export function untilInterrupted(work$: Observable<unknown>): void {
  const working = work$.subscribe({
    error: (error: unknown) => {
      console.error(String(error)); // such as: the port is taken, or may not be used
      process.exitCode = 1;
    },
  });
  process.once('SIGINT', () => working.unsubscribe());
}

/** Text from a peer, for one line of a log: control and format characters as `\\u{1b}`. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`);
}

/** What every proxy is started with. */
export interface ProxyOptions extends DestinationOptions {
  /** Where to listen. Only on loopback without a password. @default 127.0.0.1 */
  readonly host?: string | undefined;
  /** @default 0, any free port */
  readonly port?: number | undefined;
  /** Both or none: the credentials of a client. */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Gets a line for each thing that happens. */
  readonly log?: ((line: string) => void) | undefined;
}

/** @throws TypeError for a proxy that any host of the network could use. */
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
