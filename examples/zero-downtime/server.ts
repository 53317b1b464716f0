// A server that restarts without losing a connection. Each line is answered with itself and the process that has read it.
//   npx tsx examples/zero-downtime/server.ts [--port 7007] [--path PATH] [--workers 2]
//   kill -HUP PID     replaces all workers, for example by a new version of this file
//   kill -TERM PID    drains and stops
import cluster from 'node:cluster';
import { framed, lines, listen, type DrainReport, type ListenOptions } from 'rxjs-io-stream';
import { exhaustMap, filter, fromEvent, ignoreElements, lastValueFrom, merge, switchMap, take, tap, type Observable } from 'rxjs';
import { fail, parseCommandLine, parsePort, runProgram, TEXT } from '../support/command-line.ts';
import { DRAIN, Workers } from './workers.ts';

/** Milliseconds for connections to end after a restart has begun. The rest is reset. */
const DEADLINE = 10_000;

/** Serves in a worker until it shall drain, and sends the primary a report of how its connections have ended. */
function serve(at: Pick<ListenOptions, 'host' | 'port' | 'path'>): Observable<DrainReport> {
  return listen({ ...at, timeouts: { idle: 60_000 } }, (io) => {
    const { messages$, write } = framed(io, lines({ maxLength: 1000 }));
    return messages$.pipe(tap((line) => write(`${line} ${process.pid}`)));
  }).pipe(
    switchMap((server) => {
      const drained$ = fromEvent(process, 'message', (message: unknown) => message).pipe(
        filter((message) => message === DRAIN),
        switchMap(() => server.drain({ deadline: DEADLINE })),
      );
      const log$ = server.errors$.pipe(tap((error) => console.error('a connection failed:', String(error))));
      return merge(drained$, log$.pipe(ignoreElements()));
    }),
    take(1),
    tap((report) => process.send?.(report)),
  );
}

async function supervise(count: number): Promise<void> {
  const workers = new Workers();
  console.log('listening on', await workers.start(count));
  const restart = async (): Promise<void> => {
    for await (const { from, to, finished, cut } of workers.replace())
      console.log(`${from} → ${to}: ${finished} connections have ended by themselves, ${cut} were reset`);
  };
  fromEvent(process, 'SIGHUP')
    .pipe(exhaustMap(() => restart().catch(fail)))
    .subscribe();
  const stop = (): unknown => workers.stop().catch(fail);
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

async function main(): Promise<void> {
  const { values } = parseCommandLine({ port: { ...TEXT, default: '7007' }, path: TEXT, workers: { ...TEXT, default: '2' } });
  const at = values.path === undefined ? { host: '127.0.0.1', port: parsePort(values.port) } : { path: values.path };
  if (cluster.isPrimary) return supervise(Number(values.workers));
  process.on('SIGINT', () => {}); // Ctrl-C reaches all processes of a terminal. The primary decides.
  try {
    await lastValueFrom(serve(at));
  } finally {
    cluster.worker?.disconnect(); // Then nothing keeps the process alive.
  }
}

runProgram(import.meta.url, main);
