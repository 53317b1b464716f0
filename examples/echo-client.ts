// Sends stdin to an echo server and prints the replies.
//   echo hello | npx tsx examples/echo-client.ts PORT [HOST]
import { connect } from 'rxjs-io-stream';
import { finalize, ignoreElements, merge, switchMap, tap } from 'rxjs';

const port = Number(process.argv[2]);
const host = process.argv[3] ?? '127.0.0.1';

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
  .subscribe({
    error: (error: unknown) => {
      console.error(String(error));
      process.exitCode = 1;
    },
  });
