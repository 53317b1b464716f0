// A server on all cores: worker processes accept from one port. Measures how many connections 1 and N of them serve in a second.
//   npx tsx examples/many-cores.ts [--workers 4] [--connections 5000] [--port 7007] [--round-robin]
import { fork } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { scryptSync } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { connect, listen } from 'rxjs-io-stream';
import { first, lastValueFrom, map, mergeMap, range } from 'rxjs';
import { FLAG, parseCommandLine, parsePort, runProgram, TEXT } from './support/command-line.ts';

const host = '127.0.0.1';
const PROGRAM = fileURLToPath(import.meta.url);

/** Node 20 ignores `reusePort`: it came with 22.12 and 23.1. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasReusePort = process.platform === 'linux' && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));

/** A worker: answers a question with about a millisecond of work, as that of a TLS handshake. */
function serve(port: number, reusePort: boolean): void {
  listen({ host, port, reusePort }, (io) =>
    io.data$.pipe(
      first(),
      mergeMap((bytes) => io.send([scryptSync(bytes, 'salt', 16, { N: 512 }).toString('hex')])),
    ),
  ).subscribe({ next: () => process.send?.('listening'), error: (error: unknown) => console.error(String(error)) });
}

/** A client process: connects, asks, reads the answer and closes, 50 times at once. */
async function ask(port: number, connections: number): Promise<void> {
  const one$ = connect({ host, port, outBuf: 'question' }, (io) => io.data$.pipe(map(({ length }) => length)));
  const answers = await lastValueFrom(range(connections).pipe(mergeMap(() => one$, 50)), { defaultValue: 0 });
  if (answers === 0) throw new Error('expected an answer');
}

/** Starts workers and as many clients. Returns the number of connections in a second. */
async function measure(count: number, port: number, connections: number, reusePort: boolean): Promise<number> {
  const workers: Worker[] = [];
  for (let each = 0; each < count; each += 1) workers.push(cluster.fork({ REUSE_PORT: reusePort ? '1' : '' }));
  // Not `listening`, which a cluster does not emit with reusePort.
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const clients = workers.map(() => fork(PROGRAM, ['--port', String(port)]));
  await Promise.all(clients.map((client) => once(client, 'message'))); // they have loaded their code
  const started = performance.now();
  for (const client of clients) client.send(Math.round(connections / count));
  const codes = await Promise.all(clients.map(async (client) => (await once(client, 'exit'))[0] as unknown));
  const seconds = (performance.now() - started) / 1000;
  const exits = workers.map((worker) => once(worker, 'exit'));
  for (const worker of workers) worker.kill();
  await Promise.all(exits);
  if (codes.some((code) => code !== 0)) throw new Error('expected an answer to each client, one has failed');
  return connections / seconds;
}

async function compare(count: number, port: number, connections: number): Promise<void> {
  const ways: [words: string, reusePort: boolean][] = [
    [cluster.schedulingPolicy === cluster.SCHED_RR ? 'the primary accepts' : 'one socket for all', false],
  ];
  if (hasReusePort) ways.push(['a socket each (reusePort)', true]);
  else console.log(`Node ${process.versions.node} has no reusePort`);
  for (const [words, reusePort] of ways) {
    const [one, many] = [await measure(1, port, connections, reusePort), await measure(count, port, connections, reusePort)];
    const figures = `${Math.round(one)} connections per second with 1 worker, ${Math.round(many)} with ${count}`;
    console.log(`${words}: ${figures} (${(many / one).toFixed(2)} times as many)`);
  }
}

async function main(): Promise<void> {
  const { values } = parseCommandLine({
    workers: { ...TEXT, default: String(availableParallelism()) },
    connections: { ...TEXT, default: '5000' },
    port: { ...TEXT, default: '7007' },
    'round-robin': FLAG,
  });
  const [port, count, connections] = [parsePort(values.port), Number(values.workers), Number(values.connections)];
  if (!(count >= 1 && connections >= count)) throw new TypeError('expected 1 worker or more, and a connection for each');
  if (cluster.isWorker) {
    serve(port, process.env.REUSE_PORT === '1');
  } else if (process.send) {
    process.send('ready');
    process.once('message', (share) => {
      void ask(port, Number(share)).then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(String(error));
          process.exit(1);
        },
      );
    });
  } else {
    // With SCHED_NONE all workers accept from one socket. Node's default, SCHED_RR, accepts in the primary.
    cluster.schedulingPolicy = values['round-robin'] === true ? cluster.SCHED_RR : cluster.SCHED_NONE;
    await compare(count, port, connections);
  }
}

runProgram(import.meta.url, main);
