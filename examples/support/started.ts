import { listen, type IOStream, type Server } from 'rxjs-io-stream';
import { firstValueFrom, ReplaySubject, type Observable, type ObservableInput } from 'rxjs';

/** A listening server: its port, and a function that stops it. */
export interface Started {
  readonly port: number;
  readonly stop: () => void;
}

/** Starts a server; rejects if it cannot listen. */
export async function started(server$: Observable<Server>): Promise<Started> {
  const listening$ = new ReplaySubject<Server>(1);
  const serving = server$.subscribe(listening$);
  const { address } = await firstValueFrom(listening$);
  return { port: typeof address === 'string' ? 0 : address.port, stop: () => serving.unsubscribe() };
}

/** Starts a server with this handler on a free port. */
export function serve(handler: (io: IOStream) => ObservableInput<unknown>): Promise<Started> {
  return started(listen({ host: '127.0.0.1', port: 0 }, handler));
}
