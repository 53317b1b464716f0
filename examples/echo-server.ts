// An echo server: sends back all bytes it reads, with backpressure and half-close.
//   npx tsx examples/echo-server.ts [PORT]
import { listen } from 'rxjs-io-stream';
import { switchMap, tap } from 'rxjs';
import { fail, parseCommandLine, parsePort } from './support/command-line.ts';

const { positionals } = parseCommandLine();
const port = parsePort(positionals[0] ?? '0');

// A connection lasts as long as its handler's Observable: `send` completes when all that came has gone back.
const serving = listen({ host: '127.0.0.1', port }, (io) => io.send(io))
  .pipe(
    tap((server) => console.log('listening on', server.address)),
    switchMap((server) => server.errors$), // one connection that fails hurts no other
  )
  .subscribe({
    next: (error) => console.error('a connection failed:', String(error)),
    error: fail, // the port is taken, or may not be used
  });

process.once('SIGINT', () => serving.unsubscribe()); // stops listening and closes all
