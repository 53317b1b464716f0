// Sends stdin to an echo server and prints the replies.
//   echo hello | npx tsx examples/echo-client.ts PORT [HOST]
import { connect } from 'rxjs-io-stream';
import { finalize, ignoreElements, merge, switchMap, tap } from 'rxjs';
import { fail, parseCommandLine, parsePort } from './support/command-line.ts';

const { positionals } = parseCommandLine();
const port = parsePort(positionals[0]);
const host = positionals[1] ?? '127.0.0.1';

connect({ host, port })
  .pipe(
    switchMap((io) =>
      merge(
        io.data$.pipe(tap((bytes) => process.stdout.write(bytes))),
        io.send(process.stdin).pipe(finalize(() => io.end())), // reads stdin only as fast as the server accepts bytes
      ),
    ),
    ignoreElements(),
  )
  .subscribe({ error: fail });
