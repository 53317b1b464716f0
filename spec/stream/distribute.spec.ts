import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { distribute, type DistributeOptions, type DrainReport } from 'rxjs-io-stream';
import { client, refusal, type Client } from '../support/clients.ts';
import type { Harness } from '../support/harness.ts';
import { pattern } from '../support/loopback.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const canTransfer = major > 26 || (major === 26 && minor >= 6);
const PROGRAM = new URL('../support/distribute-worker.ts', import.meta.url);

/** Starts a worker. It is terminated at the end of the spec. */
function startWorker(h: Harness, delay = 0): Worker {
  const worker = new Worker(PROGRAM, { execArgv: ['--import', 'tsx'], workerData: { delay } });
  h.defer(() => worker.terminate());
  return worker;
}

/** Waits for a message of a worker with a field, among those of `distribute`. */
async function messageOf(worker: Worker, field: string): Promise<unknown> {
  for (;;) {
    const [message] = (await once(worker, 'message')) as [Record<string, unknown>];
    if (field in message) return message[field];
  }
}

async function distributing(
  h: Harness,
  workers: readonly Worker[],
  options: Partial<DistributeOptions> = {},
): Promise<{ at: { host: string; port: number }; seen: ObserverSpy<AddressInfo> }> {
  const seen = h.observed(distribute({ host, port: 0, to: workers, ...options }));
  const { port } = await seen.value();
  return { at: { host, port }, seen };
}

/** Connects and sends a text. Resolves when all of the answer is there; returns the thread that has served. */
async function exchange(h: Harness, at: { host: string; port: number }, text = 'hello'): Promise<string> {
  const peer = await client(h, at);
  peer.socket.end(text);
  await h.until(() => peer.ended || peer.closed, 'the echo');
  const [thread = '', ...rest] = peer.text.split('\n');
  expect([peer.error, rest.join('\n') === text]).toEqual([undefined, true]);
  expect(thread).toMatch(/^\d+ 127\.0\.0\.1$/);
  return thread;
}

describe('distribute', () => {
  spec.skipIf(canTransfer)('errors with ENOTSUP on a Node that cannot transfer sockets', (h) => {
    const to = [{ postMessage: () => {}, on: () => {} } as unknown as Worker];
    const seen = h.observed(distribute({ port: 0, to }));
    h.error(seen.error, { code: 'ENOTSUP' });
    expect((seen.error as Error).message).toMatch(/expected Node 26\.6 or newer, .* got v\d+\.\d+\.\d+: use node:cluster \[ENOTSUP\]$/);
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /usage: distribute/],
    ['no port', { to: [] }, /`to` to be an array of Workers, 1 or more/],
    ['no workers', { port: 0 }, /`to`/],
    ['something else than a worker', { port: 0, to: [process.stdout] }, /`to`/],
    ['an unknown option', { port: 0, workers: [] }, /`workers`/],
  ])('throws a TypeError at the call for %s', (_case, options, words) => {
    expect(() => distribute(options as DistributeOptions)).toThrow(TypeError);
    expect(() => distribute(options as DistributeOptions)).toThrow(words);
  });
});

describe.skipIf(!canTransfer)('distribute, on a Node that transfers sockets', () => {
  spec('transfers connections to the workers in turn, which know the bound address', async (h) => {
    const workers = [startWorker(h), startWorker(h)];
    const addresses = Promise.all(workers.map((worker) => messageOf(worker, 'address')));
    const { at, seen } = await distributing(h, workers);
    expect(await addresses).toEqual([seen.values[0], seen.values[0]]);
    const threads: string[] = [];
    for (let each = 0; each < 6; each += 1) threads.push(await exchange(h, at));
    expect(new Set(threads).size).toBe(2);
    expect([threads[2], threads[3], threads[4], threads[5]]).toEqual([threads[0], threads[1], threads[0], threads[1]]);
  });

  spec('loses no byte that a client sends at once, and none of a long answer', async (h) => {
    const worker = startWorker(h);
    const address = messageOf(worker, 'address');
    const { at } = await distributing(h, [worker]);
    await address;
    const text = pattern(2_000_000)
      .toString('latin1')
      .replaceAll(/[^ -~]/g, '.');
    await Promise.all([exchange(h, at, text), exchange(h, at, text), exchange(h, at, 'x')]);
  });

  spec('holds connections while no worker listens, and resets those over the backlog', async (h) => {
    const worker = startWorker(h, 300);
    const address = messageOf(worker, 'address');
    const { at } = await distributing(h, [worker], { backlog: 2 });
    const peers: Client[] = [];
    for (let each = 0; each < 3; each += 1) peers.push(await client(h, at));
    for (const { socket } of peers) socket.end('hello');
    await address;
    await h.until(() => peers.every(({ ended, closed }) => ended || closed), 'all ended');
    expect(peers.map(({ text, error }) => error ?? text.split('\n')[1])).toEqual(['hello', 'hello', 'ECONNRESET']);
  });

  spec('gives a worker that drains no further connection, and loses none meanwhile', async (h) => {
    const workers = [startWorker(h), startWorker(h)] as const;
    const addresses = workers.map((worker) => messageOf(worker, 'address'));
    const { at } = await distributing(h, workers);
    await Promise.all(addresses);
    const open = [await client(h, at), await client(h, at)];
    await h.until(() => open.every(({ text }) => text !== ''), 'served');
    const report = messageOf(workers[0], 'report') as Promise<DrainReport>;
    const exited = once(workers[0], 'exit');
    workers[0].postMessage('drain');
    // The worker is busy before it drains: every second one of these reaches it too late, and is returned.
    const threads = await Promise.all(Array.from({ length: 100 }, () => exchange(h, at)));
    expect(new Set(threads).size).toBe(1);
    for (const { socket } of open) socket.end();
    expect(await report).toMatchObject({ cut: 0 });
    await exited; // nothing keeps it alive
    expect(await exchange(h, at)).toBe(threads.at(-1));
  });

  spec('serves on with the other workers when one has exited', async (h) => {
    const workers = [startWorker(h), startWorker(h)] as const;
    const addresses = workers.map((worker) => messageOf(worker, 'address'));
    const { at } = await distributing(h, workers);
    await Promise.all(addresses);
    await workers[0].terminate();
    const threads = [await exchange(h, at), await exchange(h, at), await exchange(h, at)];
    expect(new Set(threads).size).toBe(1);
  });

  spec('stops listening when it is unsubscribed, and leaves open connections to the workers', async (h) => {
    const worker = startWorker(h);
    const address = messageOf(worker, 'address');
    const { at, seen } = await distributing(h, [worker]);
    await address;
    const peer = await client(h, at);
    await h.until(() => peer.text !== '', 'served');
    seen.unsubscribe();
    expect(await refusal(h, at)).toBe('ECONNREFUSED');
    peer.socket.end('still there');
    await h.until(() => peer.ended, 'the echo');
    expect(peer.text.split('\n')[1]).toBe('still there');
  });

  spec('errors with EADDRINUSE for a port that is in use', async (h) => {
    const worker = startWorker(h);
    const { at } = await distributing(h, [worker]);
    const seen = await h.observed(distribute({ ...at, to: [worker] })).ended;
    h.error(seen.error, { code: 'EADDRINUSE', phase: 'connect' });
  });
});
