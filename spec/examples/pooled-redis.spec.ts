import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { firstValueFrom, forkJoin, lastValueFrom, retry } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { PooledRedis, type PooledRedisOptions } from '../../examples/pooled-redis.ts';
import { RedisError } from '../../examples/redis-client/resp.ts';
import { describePeer, started } from '../interop/peers.ts';
import { REDIS_PASSWORD, startRedis } from '../interop/peers/redis.ts';
import type { Harness } from '../support/harness.ts';
import { redisStandIn } from '../support/redis-stand-in.ts';
import { runProgram } from '../support/run-program.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

function clientOf(h: Harness, options: Partial<PooledRedisOptions> & { readonly port: number }): PooledRedis {
  const redis = new PooledRedis({ host, ...options });
  h.defer(() => redis.close());
  return redis;
}

async function standIn(h: Harness, password?: string): Promise<{ server: Server; port: number }> {
  const server = redisStandIn(password).listen(0, host);
  h.defer(() => server.close());
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** The specs for Redis and for its stand-in. */
function specs(password: string, portOf: (h: Harness) => Promise<number>): void {
  spec('sends commands, and errors them with error replies', async (h) => {
    const redis = clientOf(h, { port: await portOf(h), password });
    expect(await firstValueFrom(redis.command('SET', 'key', 'value'))).toBe('OK');
    expect(await firstValueFrom(redis.command('GET', 'key'))).toBe('value');
    expect(await failure(firstValueFrom(redis.command('INCR', 'key')))).toBeInstanceOf(RedisError);
    expect(await firstValueFrom(redis.command('GET', 'key'))).toBe('value');
  });

  spec('brings each of 1000 pipelines its own replies, over at most 4 connections', async (h) => {
    const redis = clientOf(h, { port: await portOf(h), password, max: 4 });
    const numbers = Array.from({ length: 1000 }, (_, at) => String(at));
    const replies = await lastValueFrom(
      forkJoin(numbers.map((number) => redis.pipeline([['ECHO', number], ['PING'], ['ECHO', `${number}!`]]))),
    );
    expect(replies).toStrictEqual(numbers.map((number) => [number, 'PONG', `${number}!`]));
  });

  spec('sends a session in order on one connection', async (h) => {
    const redis = clientOf(h, { port: await portOf(h), password });
    const commands = [
      ['SET', 'count', 1],
      ['INCR', 'count'],
      ['GET', 'count'],
    ];
    expect(await firstValueFrom(redis.session(commands))).toStrictEqual(['OK', 2, '2']);
  });

  spec('errors a command with the refusal of the login', async (h) => {
    h.secret('wrong');
    const redis = clientOf(h, { port: await portOf(h), password: 'wrong' });
    expect(await failure(firstValueFrom(redis.command('PING')))).toMatchObject({ name: 'RedisError', code: 'WRONGPASS' });
  });
}

describe('PooledRedis with the stand-in', () => {
  specs('secret-pass', async (h) => (await standIn(h, 'secret-pass')).port);

  spec('uses one connection for sequential commands, and a new one when the server has closed it', async (h) => {
    const { server, port } = await standIn(h);
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const redis = clientOf(h, { port });
    for (const each of ['a', 'b', 'c']) expect(await firstValueFrom(redis.command('ECHO', each))).toBe(each);
    expect(connections).toBe(1);
    expect(await firstValueFrom(redis.command('QUIT'))).toBe('OK');
    expect(await firstValueFrom(redis.command('PING').pipe(retry(2)))).toBe('PONG');
    expect(connections).toBe(2);
  });

  it('prints the reply to the command of its arguments', async () => {
    const server = redisStandIn().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await runProgram('examples/pooled-redis.ts', '--port', port, 'ECHO', 'hello').ended).toStrictEqual({
      code: 0,
      stdout: 'hello\n',
      stderr: '',
    });
    server.close();
  });
});

describePeer('PooledRedis with Redis', 'redis-server', () => {
  const redis = started(startRedis);
  specs(REDIS_PASSWORD, () => Promise.resolve(redis().ports.plain));
});
