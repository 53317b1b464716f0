import { spawn, type ChildProcess } from 'node:child_process';
import { defer, lastValueFrom, merge, repeat, type Observable } from 'rxjs';
import { RedisClient } from '../../../examples/redis-client.ts';
import { deadPort } from '../../support/loopback.ts';
import { Clock } from '../clock.ts';
import { perSecond, type Job, type Outcome, type Program, type Row } from '../row.ts';

const HOST = '127.0.0.1';
/** The value of SET, which GET must return. */
const VALUE = 'x'.repeat(64);

/** Used if no redis-server is installed. */
const STAND_IN = `import(${JSON.stringify(new URL('../../support/redis-stand-in.ts', import.meta.url).href)}).then(({ redisStandIn }) =>
  redisStandIn().listen(Number(process.env.PORT), '${HOST}', () => console.log('Ready to accept connections')));`;

/** The port of the server: a process of its own, one for each program. */
let server: Promise<number> | undefined;

function redisPort(): Promise<number> {
  server ??= start();
  return server;
}

async function start(): Promise<number> {
  const port = await deadPort();
  const redis = ['redis-server', '--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no'];
  const standIn = [process.execPath, '--import', 'tsx', '--input-type', 'module', '-e', STAND_IN];
  if (!((await ready(redis, port)) || (await ready(standIn, port)))) throw new Error('expected redis-server or its stand-in to start');
  return port;
}

/** Starts a server. Resolves to whether it listens. It is killed when this process exits. */
async function ready([program = '', ...args]: readonly string[], port: number): Promise<boolean> {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PORT: String(port) } });
  process.once('exit', () => child.kill('SIGKILL'));
  return new Promise((resolve) => {
    child.once('error', () => resolve(false)).once('exit', () => resolve(false));
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes('Ready to accept connections')) resolve(true);
    });
    child.unref();
  });
}

/** Each round has `chunk` commands, SET and GET in turn. The next round waits for its replies. */
const keyOf = (at: number): string => `key ${at % 10}`;

const ours: Program = {
  name: 'ours',
  async run({ units, chunk }: Job): Promise<Outcome> {
    const client = new RedisClient({ host: HOST, port: await redisPort() });
    const ask = (at: number): Observable<unknown> =>
      at % 2 === 0 ? client.command('SET', keyOf(at >> 1), VALUE) : client.command('GET', keyOf(at >> 1));
    await lastValueFrom(client.command('PING'));
    const clock = new Clock();
    const round = (): Observable<unknown> => (chunk === 1 ? ask(0) : merge(...Array.from({ length: chunk }, (_, at) => ask(at))));
    // Not `concatMap` over a range: it would queue all rounds in an array first, and shift it for each.
    const last = await lastValueFrom(defer(round).pipe(repeat(Math.ceil(units / chunk))));
    const outcome = clock.stop(Math.ceil(units / chunk) * chunk);
    check(last, chunk);
    client.close();
    return outcome;
  },
};

const ioredis: Program = {
  name: 'ioredis',
  async run({ units, chunk }: Job): Promise<Outcome> {
    // Only this process loads it: it makes the heap larger.
    const { Redis } = await import('ioredis');
    const client = new Redis({ host: HOST, port: await redisPort(), enableReadyCheck: false });
    await client.ping();
    let last: unknown;
    const clock = new Clock();
    for (let round = 0; round < Math.ceil(units / chunk); round += 1) {
      if (chunk === 1) {
        last = await client.set(keyOf(0), VALUE);
        continue;
      }
      const pipeline = client.pipeline();
      for (let at = 0; at < chunk; at += 1) {
        if (at % 2 === 0) pipeline.set(keyOf(at >> 1), VALUE);
        else pipeline.get(keyOf(at >> 1));
      }
      last = (await pipeline.exec())?.at(-1)?.[1];
    }
    const outcome = clock.stop(Math.ceil(units / chunk) * chunk);
    check(last, chunk);
    client.disconnect();
    return outcome;
  },
};

/** The last reply of a round is that of GET, or of SET if the round is one command. */
function check(last: unknown, chunk: number): void {
  const expected = chunk === 1 ? 'OK' : VALUE;
  if (last !== expected) throw new Error(`expected ${expected}, got ${String(last)}`);
}

const row = (name: string, title: string, chunk: number, start: number): Row => ({
  name,
  title,
  programs: [ours, ioredis],
  work: { connections: 1, chunk },
  start,
  unit: { name: 'command', size: 1 },
  figures: [perSecond('commands', 1, 1)],
  memory: false,
});

export const redisPipelined: Row = row('redis-pipelined', 'redis, 100 commands pipelined', 100, 10_000);
export const redisSingle: Row = row('redis-single', 'redis, one command at a time', 1, 2_000);
