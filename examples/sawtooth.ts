// Backpressure made visible: a fast sender, TLS, and a slow reader. Open the printed URL, and click on a connection.
//   npx tsx examples/sawtooth.ts
// The sender writes 16 MiB ahead, and again when half of them are sent: its `pending` is a sawtooth. The reader pauses after each chunk. When
// the buffers of the kernel are full, its pause reaches the sender: first the socket, then the layers above it. Each prints its first pause.
import { connect, listen, passthrough, tlsClient, tlsServer, trace, type IOStream, type Plugin } from 'rxjs-io-stream';
import { inspect, type Inspector } from 'rxjs-io-stream/inspect';
import { filter, ignoreElements, map, merge, switchMap, tap, timer, type Observable } from 'rxjs';
import { parseCommandLine, runProgram } from './support/command-line.ts';
import { cert, key } from './support/identity.ts';
import { untilInterrupted } from './support/until-interrupted.ts';

const MiB = 1024 * 1024;
const WRITE_AHEAD = 16 * MiB;
const CHUNK = Buffer.alloc(MiB / 16, 'rxjs-io-stream ');

/** Reads `rate` bytes a second, as a program that writes to a slow disk. */
function readSlowly(io: IOStream, rate: number): Observable<unknown> {
  return io.consume(({ length }) => timer((length / rate) * 1000));
}

/** Writes until `write` returns false, and again when half of the bytes are sent. Never ends. */
function writeFast(io: IOStream): Observable<unknown> {
  return io.output.blocked$.pipe(
    filter((isBlocked) => !isBlocked),
    tap(() => {
      while (io.write(CHUNK));
    }),
  );
}

/** Prints the first pause at its place in the stack: `↓` to the network, `↑` to the application. */
function firstPause(place: string, print: (line: string) => void): Plugin {
  let isFirst = true;
  const start = performance.now();
  return trace({
    bytes: 0,
    sink: (entry) => {
      const [, arrow] = / ([↑↓]) pause$/.exec(entry) ?? [];
      if (!isFirst || arrow === undefined) return;
      isFirst = false;
      print(`${((performance.now() - start) / 1000).toFixed(2).padStart(6)} s  ${arrow} pause ${place}`);
    },
  });
}

/** Serves the reader and the page, and sends to the reader, while subscribed. Emits the page when the sender starts. */
export function sawtooth(print: (line: string) => void, rate = 4 * MiB): Observable<Inspector> {
  const reader = {
    app: firstPause('of the reader', print),
    ssl: tlsServer({ key, cert }),
    socket: firstPause('below TLS of the reader: the socket is not read', print),
  };
  const sender = {
    app: firstPause('of the sender: write() returns false', print),
    pass: passthrough(),
    ssl: tlsClient({ ca: cert, servername: 'localhost' }),
    socket: firstPause('below TLS of the sender: the buffers of the kernel are full', print),
  };
  const at = { host: '127.0.0.1', port: 0 };
  // The first subscription: the page shows connections that are opened after it.
  return inspect({ interval: 100, recordWires: true }).pipe(
    switchMap((page) =>
      listen({ ...at, plugin: reader }, (io) => readSlowly(io, rate)).pipe(
        switchMap(({ address }) => {
          const port = typeof address === 'string' ? 0 : address.port;
          return merge([page], connect({ ...at, port, plugin: sender, highWaterMark: WRITE_AHEAD }, writeFast).pipe(ignoreElements()));
        }),
      ),
    ),
  );
}

runProgram(import.meta.url, () => {
  parseCommandLine();
  untilInterrupted(sawtooth(console.log).pipe(map(({ url }) => console.log('connections:', url))));
});
