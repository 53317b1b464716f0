import type { Server } from 'rxjs-io-stream';
import { switchMap, tap, type Observable } from 'rxjs';
import { fail } from './command-line.ts';

/** Subscribes until Ctrl-C, which stops a server and closes its connections. An error ends the program with exit code 1. */
export function untilInterrupted(work$: Observable<unknown>): void {
  const working = work$.subscribe({ error: fail }); // for example EADDRINUSE or EACCES
  process.once('SIGINT', () => working.unsubscribe());
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
