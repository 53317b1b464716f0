/**
 * Proves what streams through NATS promise, on brokers that are killed, routes that are cut and nodes that are stopped. Then runs traffic
 * for minutes, and fails if memory grows with it.
 *
 *   npm run soak:nats -- [--minutes 3] [--only routes,brokers,nodes,drain,memory]
 *
 * `spec/nats/proofs.spec.ts` runs the same at a small size.
 */
import { connect } from '@nats-io/transport-node';
import { parseArgs } from 'node:util';
import { startBroker } from '../interop/peers/nats.ts';
import { newSubject } from '../nats/nats-tools.ts';
import { cutRoutes, drainNodes, killBrokers, stopNode } from '../nats/proofs/proofs.ts';
import { receiveTransfers, runTransfers, sendTransfer } from '../nats/proofs/transfer.ts';
import { slopeOf } from './slope.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, only: { type: 'string', default: 'routes,brokers,nodes,drain,memory' } },
});
const parts = values.only.split(',');
/** Maximum growth of the heap in ten minutes, in MiB. */
const MAX_MIB = 1;

const failed: string[] = [];
function report(name: string, ok: boolean, facts: object): void {
  if (!ok) failed.push(name);
  console.log(`${ok ? 'ok' : 'not ok'} - ${name}: ${JSON.stringify(facts)}`);
}

const isClean = ({ short, wrong }: Record<string, number>): boolean => short === undefined && wrong === undefined;

if (parts.includes('routes')) {
  const start = performance.now();
  const facts = await cutRoutes({ frames: 1_000_000, width: 100, cutEvery: 1500, perStream: 2000 });
  const isRight = isClean(facts.sent) && isClean(facts.received) && facts.frames >= 1_000_000;
  report('order while routes are cut', isRight, { ...facts, seconds: Math.round((performance.now() - start) / 1000) });
}
if (parts.includes('brokers')) {
  const facts = await killBrokers({ total: 800, width: 20, length: 4 * 1024 * 1024, killEvery: 1500 });
  report('whole or failed by name when brokers are killed', isClean(facts.sent) && isClean(facts.received), facts);
}
const broker = await startBroker();
try {
  if (parts.includes('nodes'))
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      const facts = await stopNode(broker.url, signal, { width: 100, interval: 1000, timeout: 500 });
      report(`a node that gets ${signal} is noticed within two pings`, facts.ms < 1000 + 2 * 500 + 300, facts);
    }
  if (parts.includes('drain')) {
    const facts = await drainNodes(broker.url, { drains: 50, width: 20 });
    report('nodes that drain lose nothing', facts.cut === 0 && Object.keys(facts.replies).join() === 'whole', facts);
  }
  if (parts.includes('memory')) await memory(Number(values.minutes) * 60_000);
} finally {
  await broker.stop();
}
process.exitCode = failed.length === 0 ? 0 : 1;

async function memory(total: number): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) throw new Error('expected to run with --expose-gc, as `npm run soak:nats` does');
  const [near, far] = [await connect({ servers: broker.url }), await connect({ servers: broker.url })];
  const subject = newSubject();
  const keepAlive = { interval: 30_000, timeout: 10_000 };
  const receiver = await receiveTransfers(far, subject, 200_000, keepAlive);
  const points: [number, number][] = [];
  const start = performance.now();
  let streams = 0;
  while (performance.now() - start < total) {
    const until = performance.now() + 5000;
    const sent = await runTransfers(
      20,
      Infinity,
      () => sendTransfer(near, subject, 200_000, keepAlive),
      () => performance.now() > until,
    );
    streams += sent.whole ?? 0;
    for (let turn = 0; turn < 6; turn += 1) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const elapsed = performance.now() - start;
    if (elapsed > total / 3) points.push([elapsed, process.memoryUsage().heapUsed]);
  }
  const growth = (slopeOf(points) * 600_000) / 1024 / 1024;
  const last = points.at(-1)?.[1] ?? 0;
  const { slow_consumers: slow } = await broker.monitor('/varz');
  report('memory', growth < MAX_MIB && slow === 0, {
    streams,
    MiBIn10Minutes: Number(growth.toFixed(2)),
    heapMiB: Number((last / 1024 / 1024).toFixed(1)),
    slow,
  });
  receiver.stop();
  await Promise.all([near.close(), far.close()]);
}
