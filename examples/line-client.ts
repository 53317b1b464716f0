// Prints the lines that a server sends. Reconnects when the connection is lost, after 100 ms, then with doubled delays.
//   npx tsx examples/line-client.ts PORT [HOST]
import { backoff, connect, framed, lines } from 'rxjs-io-stream';
import { retry, switchMap, tap } from 'rxjs';
import { fail, parseCommandLine, parsePort } from './support/command-line.ts';

const { positionals } = parseCommandLine();
const port = parsePort(positionals[0]);
const host = positionals[1] ?? '127.0.0.1';

connect({ host, port })
  .pipe(
    switchMap((io) => framed(io, lines({ maxLength: 65_536, unterminated: 'emit' })).messages$),
    tap({ error: (error: unknown) => console.error(`${String(error)}; dialling again`) }),
    retry(backoff({ initial: 100, attempts: 10, resetAfter: 1000 })),
  )
  .subscribe({
    next: (line) => console.log(line),
    complete: () => console.error('the server ended'),
    error: fail, // ten attempts in a row have failed
  });
