// Prints the lines a server sends, and reconnects when the connection is lost: after 100 ms, then twice as long each time.
//   npx tsx examples/line-client.ts PORT [HOST]
import { connect } from 'rxjs-io-stream';
import { concatMap, from, map, type Observable, type OperatorFunction, retry, scan, switchMap, throwError, timer } from 'rxjs';

const port = Number(process.argv[2]);
const host = process.argv[3] ?? '127.0.0.1';

/** Cuts bytes into lines, however they were cut on the way. */
function lines(): OperatorFunction<Buffer, string> {
  return (bytes$) =>
    bytes$.pipe(
      scan<Buffer, { rest: Buffer; lines: string[] }>(
        ({ rest }, bytes) => {
          const all = Buffer.concat([rest, bytes]);
          const end = all.lastIndexOf('\n') + 1;
          if (all.length - end > 65_536) throw new Error('expected a line within 65536 bytes, got a longer one');
          return { rest: all.subarray(end), lines: end > 0 ? all.toString('utf8', 0, end - 1).split('\n') : [] };
        },
        { rest: Buffer.alloc(0), lines: [] },
      ),
      concatMap(({ lines }) => from(lines)),
    );
}

const backoff = (error: unknown, attempt: number): Observable<unknown> => {
  const wait = 100 * 2 ** Math.min(attempt - 1, 8);
  console.error(`${String(error)}; attempt ${attempt + 1} in ${wait} ms`);
  return attempt < 10 ? timer(wait) : throwError(() => error);
};

connect({ host, port })
  .pipe(
    switchMap((io) => io.data$.pipe(lines())),
    map((line) => line.trimEnd()),
    retry({ delay: backoff, resetOnSuccess: true }),
  )
  .subscribe({
    next: (line) => console.log(line),
    complete: () => console.error('the server ended'),
    error: () => (process.exitCode = 1),
  });
