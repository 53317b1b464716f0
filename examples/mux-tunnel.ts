// A tunnel to a service behind a firewall: the private end dials out once, and each client of the public port is a stream over that link.
//   npx tsx examples/mux-tunnel.ts public --links 0.0.0.0:7000 --open 0.0.0.0:8080
//   npx tsx examples/mux-tunnel.ts private --to public.example:7000 --target 127.0.0.1:80
// Any program that reaches the port for links can take over the tunnel. On a network that you do not trust, add mutual TLS as a plugin.
import { backoff, connect, listen, mux, relay, type Mux, type Server } from 'rxjs-io-stream';
import { combineLatest, finalize, map, retry, switchMap, tap, throwError, type Observable } from 'rxjs';
import { parseCommandLine, runProgram, TEXT } from './support/command-line.ts';
import { parseTarget, type Target } from './support/target.ts';
import { untilInterrupted } from './support/until-interrupted.ts';

export interface PublicEnd {
  readonly links: Server;
  readonly clients: Server;
}

/** Listens for links and for clients while subscribed. Clients use the newest link. Emits when both ports are open. */
export function publicEnd({ links, open }: { readonly links: Target; readonly open: Target }): Observable<PublicEnd> {
  const active: Mux[] = [];
  const links$ = listen(links, (io) => {
    const link = mux(io, { role: 'server' });
    active.unshift(link);
    return link.closed$.pipe(finalize(() => active.splice(active.indexOf(link), 1)));
  });
  const clients$ = listen({ ...open, allowHalfOpen: true }, (client) => {
    const [link] = active;
    if (!link) return throwError(() => new Error('no link from the private end'));
    return connect({ wire: link.wire() }, (stream) => relay(client, stream));
  });
  return combineLatest({ links: links$, clients: clients$ });
}

/** Keeps a link to the public end while subscribed, and connects each of its streams to the target. Dials again after an error. */
export function privateEnd({ to, target }: { readonly to: Target; readonly target: Target }): Observable<never> {
  return connect(to, (io) => {
    const link = mux(io, { role: 'client', streams: { allowHalfOpen: true } }, (stream) =>
      connect(target, (service) => relay(stream, service)),
    );
    return link.closed$;
  }).pipe(
    map(({ error }): never => {
      throw new Error('the link has ended', { cause: error });
    }),
    retry(backoff()),
  );
}

function targetOf(text: string | undefined, name: string): Target {
  const target = text === undefined ? undefined : parseTarget(text);
  if (!target) throw new TypeError(`expected --${name} HOST:PORT, got ${text === undefined ? 'none' : `'${text}'`}`);
  return target;
}

function main(): void {
  const { values, positionals } = parseCommandLine({ links: TEXT, open: TEXT, to: TEXT, target: TEXT });
  if (positionals[0] === 'public') {
    untilInterrupted(
      publicEnd({ links: targetOf(values.links, 'links'), open: targetOf(values.open, 'open') }).pipe(
        tap(({ links, clients }) => console.log('links on', links.address, 'clients on', clients.address)),
        switchMap(({ clients }) => clients.errors$.pipe(map((error) => `a client failed: ${String(error)}`))),
        tap((line) => console.log(line)),
      ),
    );
  } else if (positionals[0] === 'private')
    untilInterrupted(privateEnd({ to: targetOf(values.to, 'to'), target: targetOf(values.target, 'target') }));
  else throw new TypeError(`expected 'public' or 'private', got ${positionals[0] ?? 'none'}`);
}

runProgram(import.meta.url, main);
