import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { firstValueFrom, forkJoin, from, lastValueFrom, of, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { RedisClient, type RedisOptions } from '../../examples/redis-client.ts';
import { RedisError, resp, type Reply } from '../../examples/redis-client/resp.ts';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { describePeer, started, startPeer } from '../interop/peers.ts';
import { REDIS_PASSWORD, startRedis } from '../interop/peers/redis.ts';
import { ca } from '../support/certificates.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { deadPort, served } from '../support/loopback.ts';
import { redisStandIn } from '../support/redis-stand-in.ts';
import { runProgram, type Ended } from '../support/run-program.ts';

const host = '127.0.0.1';

function clientOf(h: Harness, options: Partial<RedisOptions> & { port: number }): RedisClient {
  const client = new RedisClient({ host, ...options });
  h.defer(() => client.close());
  return client;
}

const ask = (client: RedisClient, ...words: readonly (string | number | Uint8Array)[]): Promise<Reply> =>
  firstValueFrom(client.command(...words));
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

/** The specs for Redis and for its stand-in. */
function specs(port: () => number): void {
  spec('sends commands and decodes every kind of reply', async (h) => {
    const client = clientOf(h, { port: port() });
    expect(await ask(client, 'PING')).toBe('PONG');
    expect(await ask(client, 'DEL', 'key', 'list', 'number')).toBeTypeOf('number');
    expect(await ask(client, 'GET', 'key')).toBe(null);
    expect(await ask(client, 'SET', 'key', 'zażółć\r\n')).toBe('OK');
    expect(await ask(client, 'GET', 'key')).toBe('zażółć\r\n');
    expect(await ask(client, 'INCR', 'number')).toBe(1);
    expect(await ask(client, 'RPUSH', 'list', 'a', 2, '')).toBe(3);
    expect(await ask(client, 'LRANGE', 'list', 0, -1)).toEqual(['a', '2', '']);
    expect(await ask(client, 'LRANGE', 'nothing', 0, -1)).toEqual([]);
    const error = await failure(ask(client, 'GET', 'list'));
    expect(error).toBeInstanceOf(RedisError);
    expect(error).toMatchObject({ code: 'WRONGTYPE', message: expect.stringContaining('wrong kind of value') as string });
    expect(await ask(client, 'PING')).toBe('PONG'); // an error is a reply like others
  });

  spec('sends and receives binary values unchanged', async (h) => {
    const client = clientOf(h, { port: port(), binary: true });
    const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256);
    await ask(client, 'SET', 'key', bytes);
    h.sameBytes((await ask(client, 'GET', 'key')) as Buffer, bytes);
  });

  spec('pipelines 5000 commands of one tick, and keeps the order of the replies', async (h) => {
    const client = clientOf(h, { port: port() });
    await ask(client, 'PING');
    const replies = await lastValueFrom(forkJoin(Array.from({ length: 5000 }, (_, at) => client.command('ECHO', at))));
    expect(replies).toEqual(Array.from({ length: 5000 }, (_, at) => String(at)));
  });

  spec('reconnects when its connection is killed: pending commands error, later ones are answered', async (h) => {
    const [client, killer] = [clientOf(h, { port: port() }), clientOf(h, { port: port() })];
    await Promise.all([ask(client, 'PING'), ask(killer, 'PING')]);
    for (let round = 0; round < 3; round += 1) {
      await ask(killer, 'CLIENT', 'KILL', 'TYPE', 'normal');
      expect(await ask(client, 'ECHO', round).catch(() => ask(client, 'ECHO', round))).toBe(String(round));
    }
  });

  spec('reconnects when the server ends the connection', async (h) => {
    const client = clientOf(h, { port: port() });
    expect(await ask(client, 'QUIT')).toBe('OK');
    await new Promise(setImmediate);
    expect(await ask(client, 'PING').catch(() => ask(client, 'PING'))).toBe('PONG');
  });
}

async function listening(server: Server, port = 0): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('redis-client', () => {
  describe('with a stand-in', () => {
    const running = started(async () => {
      const server = redisStandIn();
      const port = await listening(server);
      return { port, stop: async () => void server.close() };
    });
    specs(() => running().port);

    it('runs as a program for one command, or for each line of stdin', async () => {
      const { port } = running();
      const run = (input: string, ...words: string[]): Promise<Ended> => {
        const program = runProgram('examples/redis-client.ts', '--port', port, ...words);
        program.stdin.end(input);
        return program.ended;
      };
      expect(await run('', 'ECHO', 'two words')).toEqual({ code: 0, stdout: '"two words"\n', stderr: '' });
      const lines = ['DEL number words', 'INCR number', 'RPUSH words a b', 'GET words', 'LRANGE words 0 -1', 'GET nothing'];
      const { code, stdout, stderr } = await run(lines.join('\n'));
      expect(stdout.split('\n').slice(1)).toEqual([
        '(integer) 1',
        '(integer) 2',
        expect.stringMatching(/^\(error\) WRONGTYPE /),
        '1) "a"',
        '2) "b"',
        '(nil)',
        '',
      ]);
      expect([code, stderr]).toEqual([0, '']);
    });
  });

  describePeer('with redis-server', 'redis-server', () => {
    const redis = started(() => startPeer(['tcp'], ({ tcp }) => ['redis-server', '--port', String(tcp), '--save', '', '--bind', host]));
    specs(() => redis().ports.tcp);

    spec('emits the errors of a transaction as values among its replies', async (h) => {
      const client = clientOf(h, { port: redis().ports.tcp });
      await ask(client, 'SET', 'text', 'no number');
      const all = [['MULTI'], ['INCR', 'text'], ['GET', 'text'], ['EXEC']].map((words) => ask(client, ...words));
      expect(await Promise.all(all)).toEqual(['OK', 'QUEUED', 'QUEUED', [expect.any(RedisError), 'no number']]);
    });
  });

  describePeer('with redis-server over TLS', 'redis-server', () => {
    const redis = started(startRedis);
    const secure = { plugin: { ssl: tlsClient({ ca }) } };

    spec('sends its password first on each connection', async (h) => {
      h.secret(REDIS_PASSWORD);
      const client = clientOf(h, { port: redis().ports.tls, password: REDIS_PASSWORD, ...secure });
      expect(await ask(client, 'PING')).toBe('PONG');
      await ask(client, 'QUIT');
      await new Promise(setImmediate);
      expect(await ask(client, 'PING').catch(() => ask(client, 'PING'))).toBe('PONG');
      const wrong = await failure(ask(clientOf(h, { port: redis().ports.tls, password: 'another', ...secure }), 'PING'));
      expect(wrong).toMatchObject({ name: 'RedisError', code: 'WRONGPASS' });
    });
  });

  describe('RedisClient', () => {
    spec('errors each command when all attempts to connect have failed', async (h) => {
      const client = clientOf(h, { port: await deadPort(), attempts: 1 });
      h.error(await failure(ask(client, 'PING')), { code: 'ECONNREFUSED' });
      h.error(await failure(ask(client, 'PING')), { code: 'ECONNREFUSED' });
    });

    spec('queues commands until the server listens', async (h) => {
      const port = await deadPort();
      const client = clientOf(h, { port });
      const reply = ask(client, 'PING');
      const server = redisStandIn();
      h.defer(() => server.close());
      await listening(server, port);
      expect(await reply).toBe('PONG');
    });

    spec('errors a command with the bytes of a reply that is not of Redis', async (h) => {
      for (const [text, message] of [
        ['HTTP/1.1 400 Bad Request\r\n\r\n', 'expected a reply of Redis, got "HTTP/1.1 400 Bad Request\\r\\n"'],
        ['$nonsense\r\n', 'expected a reply of Redis, got "$nonsense\\r\\n"'],
        ['$2\r\nabc\r\n', 'expected a reply of Redis, got "$2\\r\\n"'],
        ['*1\r\n'.repeat(40), 'expected a reply of Redis, got "*1\\r\\n"'],
      ] as const) {
        const place = await served(h, (socket: Socket) => socket.once('data', () => socket.end(text)));
        const client = clientOf(h, { ...(place as { port: number }), attempts: 1 });
        const error = await failure(ask(client, 'PING'));
        h.error(error, { code: 'EPROTOCOL', phase: 'read' });
        expect((error as Error).message).toBe(`${message} [EPROTOCOL]`);
      }
    });

    spec('errors pending and later commands after close()', async (h) => {
      const place = await served(h);
      const client = clientOf(h, place as { port: number });
      const waiting = failure(ask(client, 'PING'));
      await new Promise(setImmediate);
      client.close();
      h.error(await waiting, { code: 'ECLOSED' });
      h.error(await failure(ask(client, 'PING')), { code: 'ECLOSED' });
    });
  });

  it('decodes the same replies however the bytes are cut', async () => {
    const replies = '+OK\r\n-ERR no\r\n:-5\r\n$5\r\nab\r\nc\r\n$-1\r\n*-1\r\n*3\r\n*0\r\n$0\r\n\r\n*1\r\n:1\r\n';
    const expected = ['OK', new RedisError('ERR no'), -5, 'ab\r\nc', null, null, [[], '', [1]]];
    let cuts = 0;
    for (const { chunks } of rechunk(replies, { random: 200 })) {
      cuts += 1;
      expect(await lastValueFrom(from(chunks).pipe(resp().decode(), toArray()))).toEqual(expected);
    }
    expect(cuts).toBeGreaterThan(replies.length);
  });

  it('encodes commands that its own decoder reads', async () => {
    const words = ['SET', 'ключ', Buffer.from([0, 13, 10, 255]), 12];
    const codec = resp(true);
    const read = await firstValueFrom(of(words).pipe(codec.encode(), codec.decode()));
    expect((read as Buffer[]).map((each) => each.toString('latin1'))).toEqual(
      words.map((word) => Buffer.from(typeof word === 'number' ? String(word) : word).toString('latin1')),
    );
    const sent = await firstValueFrom(of(['GET', 'ключ']).pipe(codec.encode()));
    expect(Buffer.from(sent).toString()).toBe('*2\r\n$3\r\nGET\r\n$8\r\nключ\r\n');
  });
});
