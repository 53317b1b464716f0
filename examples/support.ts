// What the small examples talk to: a server on a free port of this machine, for as long as the example runs.
import { listen, type IOStream, type Server } from 'rxjs-io-stream';
import { firstValueFrom, ReplaySubject, type Observable, type ObservableInput } from 'rxjs';

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
