/**
 * Runs good and faulty traffic on every kind of server and client for minutes. Fails if memory grows with it.
 *
 *   npm run soak -- [--minutes 3 | --seconds 20] [--only NAME]… [--width 2] [--no-clients]
 *
 * After each round all connections end, the garbage is collected, and the heap is measured. The first third of the time warms up.
 */
import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getHeapCodeStatistics } from 'node:v8';
import { runClients } from './clients.ts';
import { slopeOf } from './slope.ts';
import { startServices } from './services.ts';
import type { Round } from './traffic.ts';

/** Maximum growth of the heap in ten minutes. */
const MAX_MIB = 1;
/** Growth that V8's own tables can cause: a short run cannot judge below it. */
const NOISE_MIB = 0.5;
/** Milliseconds of traffic in a round. */
const ROUND = 5000;
/** Milliseconds until our clients have closed their connections, and until the services have. Their timeouts ensure both. */
const CLIENTS_CLOSE = 1000;
const SERVICES_CLOSE = 6000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    only: { type: 'string', multiple: true },
    width: { type: 'string', default: '2' },
    'no-clients': { type: 'boolean', default: false },
  },
});
const total = values.seconds === undefined ? Number(values.minutes) * 60_000 : Number(values.seconds) * 1000;
const { only } = values;
const width = Number(values.width);
if (!(total > 0) || !(width > 0)) throw new TypeError('expected `--minutes`, `--seconds` and `--width` to be numbers above 0');

const { gc } = globalThis as { gc?: () => void };
if (!gc) throw new Error('expected to run with --expose-gc, as `npm run soak` does');

const failures: string[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) =>
    failures.push(`${event}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  );
process.on('warning', (warning) => failures.push(`warning: ${warning.stack ?? warning.message}`));

const descriptors = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
const resources = (): string => {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return JSON.stringify(Object.fromEntries([...counts].sort()));
};

/**
 * Returns the bytes of the heap after several collections, since finalizers free more in a later turn. Does not count compiled code, nor
 * the memory of buffers, of which up to 5 MiB are kept for reads. A retained Buffer still counts with its object.
 */
async function heap(): Promise<number> {
  for (let turn = 0; turn < 6; turn += 1) {
    gc?.();
    await wait(10);
  }
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  return process.memoryUsage().heapUsed - code - bytecode;
}

const services = await startServices((name) => only === undefined || only.includes(name));
const targets = services.filter(({ name }) => only === undefined || only.includes(name));
const traffic = fork(fileURLToPath(new URL('./traffic.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
const died = once(traffic, 'exit').then(([code]) => {
  if (traffic.connected || code !== 0) throw new Error(`the process of the traffic ended by itself, with ${String(code)}`);
});
const [{ faulty }] = (await once(traffic, 'message')) as [{ faulty: number }];

async function runRound(ms: number): Promise<number> {
  const round: Round = { services: targets.map(({ port, speech }) => ({ port, speech })), ms, width };
  traffic.send(round);
  const answered = once(traffic, 'message') as Promise<[{ connections: number }]>;
  const own = values['no-clients'] ? 0 : await runClients(services, faulty, ms, width * 4);
  const [{ connections }] = (await Promise.race([answered, died])) as [{ connections: number }];
  return connections + own;
}

/** Waits until every connection has ended. */
async function settle(): Promise<void> {
  await wait(CLIENTS_CLOSE);
  const until = performance.now() + SERVICES_CLOSE;
  for (const { name, size } of services) {
    while ((await size()) > 0 && performance.now() < until) await wait(20);
    if ((await size()) > 0) failures.push(`${await size()} connections of '${name}' are open though their clients have gone`);
  }
}

const samples: { readonly minutes: number; readonly connections: number; readonly bytes: number }[] = [];
const started = performance.now();
let connections = 0;
let before = { descriptors: 0, resources: '' };
while (performance.now() - started < total || samples.length < 3) {
  connections += await runRound(Math.min(ROUND, total / 12));
  await settle();
  const bytes = await heap();
  const elapsed = performance.now() - started;
  const minutes = elapsed / 60_000;
  console.log(
    `${minutes.toFixed(2)} min: ${connections} connections, heap ${(bytes / 2 ** 20).toFixed(3)} MiB, ${descriptors()} descriptors`,
  );
  if (elapsed < total / 3) before = { descriptors: descriptors(), resources: resources() };
  else samples.push({ minutes, connections, bytes });
}

const perTenMinutes = (slopeOf(samples.map(({ minutes, bytes }) => [minutes, bytes])) * 10) / 2 ** 20;
const perConnection = slopeOf(samples.map((sample) => [sample.connections, sample.bytes]));
console.log(`heap: ${perTenMinutes.toFixed(2)} MiB in ten minutes, ${perConnection.toFixed(1)} bytes a connection`);
console.log(`descriptors: ${before.descriptors} → ${descriptors()}; active resources: ${before.resources} → ${resources()}`);
const grown = (perTenMinutes / 10) * ((samples.at(-1)?.minutes ?? 0) - (samples[0]?.minutes ?? 0));
if (perTenMinutes > MAX_MIB && grown > NOISE_MIB)
  failures.push(`the heap grows by ${perTenMinutes.toFixed(2)} MiB in ten minutes, at most ${MAX_MIB} are allowed`);
if (descriptors() > before.descriptors) failures.push(`descriptors grew from ${before.descriptors} to ${descriptors()}`);
if (resources() !== before.resources) failures.push(`active resources changed from ${before.resources} to ${resources()}`);

for (const { stop } of services) stop();
traffic.disconnect();
for (const failure of new Set(failures)) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
