// A port forwarder with live counters: relays the connections of a local port to another host and port.
//   npx tsx examples/port-forwarder.ts 8080 example.com:80 [--host 127.0.0.1] [--proxy PROXY:PORT]
import { connect, listen, relay, socks5, type IOStream, type Server } from 'rxjs-io-stream';
import { auditTime, BehaviorSubject, distinctUntilChanged, finalize, map, merge, pairwise, switchMap, tap, type Observable } from 'rxjs';
import { parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';
import { formatBytes } from './support/format.ts';
import { parseTarget, type Target } from './support/target.ts';
import { untilInterrupted } from './support/until-interrupted.ts';

export interface PortForwarderOptions {
  /** The address to listen on. Port 0 is any free port. */
  readonly from: Target;
  readonly to: Target;
  /** A SOCKS5 proxy to connect through. */
  readonly proxy?: Target | undefined;
}

/** Totals of all connections. */
export interface Counters {
  readonly open: number;
  readonly total: number;
  /** Bytes sent to the targets, and back to the clients. */
  readonly there: number;
  readonly back: number;
}

export interface PortForwarder {
  readonly server: Server;
  readonly counters$: Observable<Counters>;
}

/** Forwards while subscribed. Emits when it listens. */
export function portForwarder({ from, to, proxy }: PortForwarderOptions): Observable<PortForwarder> {
  const plugin = proxy ? { proxy: socks5(proxy) } : {};
  const counters$ = new BehaviorSubject<Counters>({ open: 0, total: 0, there: 0, back: 0 });
  const add = (more: Partial<Counters>): void => {
    const { open, total, there, back } = counters$.value;
    const { open: o = 0, total: t = 0, there: h = 0, back: b = 0 } = more;
    counters$.next({ open: open + o, total: total + t, there: there + h, back: back + b });
  };

  /** Serves one connection. `listen` closes it when the Observable completes. An error resets it and goes to `server.errors$`. */
  const forward = (client: IOStream): Observable<unknown> => {
    add({ open: 1, total: 1 });
    return connect({ ...to, plugin }).pipe(
      switchMap((target) => relay(client, target)),
      pairwise(), // the first progress is zero
      tap(([before, now]) => add({ there: now.aToB - before.aToB, back: now.bToA - before.bToA })),
      finalize(() => add({ open: -1 })),
    );
  };
  return listen({ ...from, allowHalfOpen: true }, forward).pipe(map((server) => ({ server, counters$ })));
}

function inWords({ open, total, there, back }: Counters): string {
  return `${open} open of ${total}, ${formatBytes(there)} there, ${formatBytes(back)} back`;
}

function targetOf(text: string): Target {
  const target = parseTarget(text);
  if (!target) throw new TypeError(`expected HOST:PORT, got '${text}'`);
  return target;
}

function main(): void {
  const { values, positionals } = parseCommandLine({ host: { ...TEXT, default: '127.0.0.1' }, proxy: TEXT });
  const [port, to = ''] = positionals;
  const proxy = values.proxy === undefined ? undefined : targetOf(values.proxy);
  const forwarder$ = portForwarder({ from: { host: values.host, port: parsePort(port) }, to: targetOf(to), proxy });
  untilInterrupted(
    forwarder$.pipe(
      tap(({ server }) => console.log('listening on', server.address)),
      switchMap(({ server, counters$ }) =>
        merge(
          counters$.pipe(auditTime(250), map(inWords), distinctUntilChanged()),
          server.errors$.pipe(map((error) => `a connection failed: ${String(error)}`)), // other connections continue
        ),
      ),
      tap((line) => console.log(line)),
    ),
  );
}

runProgram(import.meta.url, main);
