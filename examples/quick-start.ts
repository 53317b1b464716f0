// An echo server, and a client that reconnects when the connection is lost.
//   npx tsx examples/quick-start.ts
import { connect, listen } from 'rxjs-io-stream';
import { map, retry, switchMap, take } from 'rxjs';

// A server: each connection lasts as long as its handler's Observable.
const serving = listen({ host: '127.0.0.1', port: 7007 }, (io) => io.send(io)).subscribe();

// A client: subscribing dials, unsubscribing closes, an error of the connection is an error of the Observable.
connect({ host: '127.0.0.1', port: 7007, outBuf: 'hello\n' })
  .pipe(
    switchMap((io) => io.data$),
    map((bytes) => bytes.toString()),
    take(1),
    retry({ count: 5, delay: 100 }),
  )
  .subscribe({ next: console.log, complete: () => serving.unsubscribe() });
