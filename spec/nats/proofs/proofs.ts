import { connect, type NatsConnection } from '@nats-io/transport-node';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { firstValueFrom } from 'rxjs';
import { IOStream } from '../../../src/index.ts';
import { nats } from '../../../src/nats/nats.ts';
import { natsListen } from '../../../src/nats/nats-listen.ts';
import { startCluster } from '../../interop/peers/nats.ts';
import { newSubject } from '../nats-tools.ts';
import { RouteProxies } from './route-proxies.ts';
import { receiveTransfers, runTransfers, sendTransfer, withMaxPayload, type Outcomes } from './transfer.ts';

const NODE = fileURLToPath(new URL('../node-child.ts', import.meta.url));
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const dial = (servers: string | readonly string[]): Promise<NatsConnection> =>
  connect({ servers: servers as string[], reconnectTimeWait: 100, maxReconnectAttempts: -1, ignoreClusterUpdates: true });

/** What both ends of all transfers report. */
export interface TransferFacts {
  readonly sent: Outcomes;
  readonly received: Outcomes;
  readonly frames: number;
}

/** Sends `frames` frames on `width` streams at a time from one broker to another, and cuts all routes every `cutEvery` ms. */
export async function cutRoutes({
  frames,
  width,
  cutEvery,
  maxCuts = Infinity,
  perStream,
}: {
  frames: number;
  width: number;
  cutEvery: number;
  maxCuts?: number;
  perStream: number;
}): Promise<TransferFacts & { cuts: number }> {
  const proxies = new RouteProxies();
  const cluster = await startCluster({ routeVia: proxies.via });
  const [near, far] = [await dial(cluster.urls[0]!), await dial(cluster.urls[1]!)];
  const subject = newSubject();
  const payload = 64;
  const keepAlive = { interval: 500, timeout: 500 };
  let published = 0;
  const small = withMaxPayload(near, payload + 32, () => (published += 1));
  const length = perStream * payload;
  const receiver = await receiveTransfers(far, subject, length, keepAlive);
  let cuts = 0;
  const cutting = setInterval(() => {
    if (cuts === maxCuts) return;
    proxies.cut();
    cuts += 1;
  }, cutEvery);
  try {
    const sent = await runTransfers(
      width,
      Infinity,
      () => sendTransfer(small, subject, length, keepAlive),
      () => receiver.facts.bytes >= frames * payload && cuts > 0,
    );
    await wait(200);
    return { sent, received: receiver.received, frames: Math.floor(receiver.facts.bytes / payload), cuts };
  } finally {
    clearInterval(cutting);
    receiver.stop();
    await Promise.all([near.close(), far.close()]);
    await cluster.stop();
    proxies.close();
  }
}

/**
 * Sends `total` transfers of `length` bytes, and kills and restarts the broker of either end in turn, every `killEvery` ms, the first
 * time after bytes have been received.
 */
export async function killBrokers({
  total,
  width,
  length,
  killEvery,
  maxKills = Infinity,
}: {
  total: number;
  width: number;
  length: number;
  killEvery: number;
  maxKills?: number;
}): Promise<TransferFacts & { kills: number }> {
  const cluster = await startCluster();
  const [near, far] = [await dial(cluster.urls[0]!), await dial(cluster.urls[1]!)];
  const subject = newSubject();
  const keepAlive = { interval: 500, timeout: 500 };
  const receiver = await receiveTransfers(far, subject, length, keepAlive);
  let kills = 0;
  const state = { isOver: false };
  const killing = (async () => {
    while (kills < maxKills) {
      await wait(killEvery);
      while (receiver.facts.bytes === 0 && !state.isOver) await wait(1);
      if (state.isOver) break;
      const broker = cluster.brokers[kills % 2]!;
      kills += 1;
      await broker.kill();
      await wait(50);
      await broker.start();
    }
  })();
  try {
    const sent = await runTransfers(width, total, () => sendTransfer(near, subject, length, keepAlive));
    state.isOver = true;
    await killing;
    await wait(200);
    return { sent, received: receiver.received, frames: 0, kills };
  } finally {
    state.isOver = true;
    await killing;
    receiver.stop();
    await Promise.all([near.close(), far.close()]);
    await cluster.stop();
  }
}

/** Starts a process that listens on a subject. */
export async function startNode(url: string, subject: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', NODE, url, subject], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** Stops a node by a signal while `width` streams to it are open. Resolves with the codes of all, and the milliseconds until the last has failed. */
export async function stopNode(
  url: string,
  signal: 'SIGKILL' | 'SIGSTOP',
  { width, interval, timeout }: { width: number; interval: number; timeout: number },
): Promise<{ codes: Outcomes; ms: number }> {
  const connection = await dial(url);
  const subject = newSubject();
  const node = await startNode(url, subject);
  try {
    const ios = Array.from(
      { length: width },
      () => new IOStream({ wire: nats({ connection, subject, keepAlive: { interval, timeout } }) }),
    );
    const ends = ios.map((io) => firstValueFrom(io.closed$));
    for (const io of ios) io.data$.subscribe({ error: () => undefined });
    await Promise.all(ios.map((io) => (io.write('hello'), firstValueFrom(io.data$))));
    const start = performance.now();
    node.kill(signal);
    const codes: Outcomes = {};
    for (const { error } of await Promise.all(ends)) {
      const { code = 'none' } = (error ?? {}) as { code?: string };
      codes[code] = (codes[code] ?? 0) + 1;
    }
    return { codes, ms: performance.now() - start };
  } finally {
    node.kill('SIGKILL');
    if (node.exitCode === null && node.signalCode === null) await once(node, 'exit');
    await connection.close();
  }
}

/** Clients dial all the time while nodes are drained one after another and replaced. Resolves with how the requests have ended. */
export async function drainNodes(
  url: string,
  { drains, width }: { drains: number; width: number },
): Promise<{ replies: Outcomes; cut: number }> {
  const subject = newSubject();
  const near = await dial(url);
  const start = async () => {
    const connection = await dial(url);
    const server = await new Promise<{ drain(): Promise<number>; stop(): Promise<void> }>((resolve, reject) => {
      const serving = natsListen({ connection, subject }, (io) => io.send(io)).subscribe({
        error: reject,
        next: ({ drain }) =>
          resolve({
            drain: () => firstValueFrom(drain({ deadline: 5000 })).then(({ cut }) => cut),
            stop: () => (serving.unsubscribe(), connection.close()),
          }),
      });
    });
    return server;
  };
  const nodes = [await start(), await start()];
  let isOver = false;
  const replies: Outcomes = {};
  const client = async (): Promise<void> => {
    while (!isOver) {
      const io = new IOStream({ wire: nats({ connection: near, subject }) });
      let text = '';
      const ended = firstValueFrom(io.closed$);
      io.data$.subscribe({ next: (bytes) => (text += String(bytes)), error: () => undefined });
      io.end('hello');
      const { by, error } = await ended;
      const outcome = by === 'error' ? ((error as { code?: string }).code ?? 'error') : text === 'hello' ? 'whole' : 'short';
      replies[outcome] = (replies[outcome] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: width }, client);
  let cut = 0;
  try {
    for (let at = 0; at < drains; at += 1) {
      const next = await start();
      const old = nodes.shift()!;
      nodes.push(next);
      cut += await old.drain();
      await old.stop();
    }
    return { replies, cut };
  } finally {
    isOver = true;
    await Promise.all(clients);
    for (const node of nodes) await node.stop();
    await near.close();
  }
}
