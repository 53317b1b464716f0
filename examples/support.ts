// What the examples share: a server on a free port of this machine to talk to, and how a program serves until Ctrl-C.
import { listen, type IOStream, type Server } from 'rxjs-io-stream';
import { firstValueFrom, ReplaySubject, switchMap, tap, type Observable, type ObservableInput } from 'rxjs';

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
