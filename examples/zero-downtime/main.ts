// Restarts a server several times while clients connect, and counts what the clients have seen of it: nothing.
//   npx tsx examples/zero-downtime/main.ts [--connections 20000] [--restarts 5] [--at-once 200] [--workers 2] [--path PATH]
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { parseCommandLine, runProgram, TEXT } from '../support/command-line.ts';
import { Counts, load } from './load.ts';
import { Workers } from './workers.ts';

/** Requests of each connection, and the maximum milliseconds between two of them. */
const REQUESTS = 3;
const PAUSE = 50;

const number = new Intl.NumberFormat('en');

async function main(): Promise<void> {
  const { values } = parseCommandLine({
    connections: { ...TEXT, default: '20000' },
    restarts: { ...TEXT, default: '5' },
    'at-once': { ...TEXT, default: '200' },
    workers: { ...TEXT, default: '2' },
    path: TEXT,
  });
  const [connections, restarts, concurrency, count] = [values.connections, values.restarts, values['at-once'], values.workers].map(Number);
  if (!connections || !restarts || !concurrency || !count) throw new TypeError('expected numbers, 1 or more');

  const where = values.path === undefined ? ['--port', '0'] : ['--path', values.path];
  cluster.setupPrimary({ exec: fileURLToPath(new URL('server.ts', import.meta.url)), args: where });
  const workers = new Workers();
  const address = await workers.start(count);
  const at = typeof address === 'string' ? { path: address } : { host: address.address, port: address.port };
  console.log(`${number.format(connections)} connections to ${count} workers, ${concurrency} at once, ${REQUESTS} requests on each`);

  const counts = new Counts();
  const started = performance.now();
  let isRestarting = true;
  const loading = load({ at, connections, goesOn: () => isRestarting, concurrency, requests: REQUESTS, pause: PAUSE }, counts);
  for (let restart = 1; restart <= restarts; restart += 1) {
    while (counts.ended < (connections * restart) / (restarts + 1)) await new Promise((resolve) => setTimeout(resolve, 5));
    for await (const { from, to, finished, cut, took } of workers.replace()) {
      const ends = `${finished} open connections have ended by themselves, ${cut} were reset`;
      console.log(`restart ${restart}: ${from} → ${to} in ${Math.round(took)} ms: ${ends}`);
    }
  }
  isRestarting = false;
  await loading;
  const seconds = (performance.now() - started) / 1000;
  await workers.stop();

  const { ended, refused, reset, lost, answered, codes, pids } = counts;
  console.log(`${refused} refused, ${reset} reset, ${lost} requests lost${codes.size > 0 ? ` (${[...codes].join(', ')})` : ''}`);
  console.log(`${number.format(answered)} requests of ${number.format(ended)} connections were answered by ${pids.size} processes`);
  console.log(`${seconds.toFixed(1)} s, ${number.format(Math.round(ended / seconds))} connections per second`);
  if (refused + reset + lost > 0 || answered !== ended * REQUESTS) process.exitCode = 1;
}

runProgram(import.meta.url, main);
