import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { AbstractConnector, Redis } from 'ioredis';
import { it } from 'vitest';
import { invariants } from '../../support/harness.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { REDIS_PASSWORD, startRedis } from '../peers/redis.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

/** For ioredis's `Connector` option. */
function connectorOf(route: Route): new () => AbstractConnector {
  return class extends AbstractConnector {
    constructor() {
      super(1000); // until it destroys a stream that does not close
    }

    connect(): Promise<Socket> {
      const socket = route.dial();
      this.connecting = true;
      this.stream = socket;
      return Promise.resolve(socket);
    }
  };
}

describeClient('ioredis', ['redis-server'], () => {
  const redis = started(startRedis);
  const connect = (route: Route): Redis => new Redis({ password: REDIS_PASSWORD, Connector: connectorOf(route), retryStrategy: () => 1 });

  eachRoute({ 'trace + socks5': () => redis().ports.plain, tlsClient: () => redis().ports.tls }, (open) => {
    it(
      'sends and receives 1 MiB, and 1000 commands in one pipeline',
      invariants(async (h) => {
        const client = connect(await open(h));
        assert.equal(await client.set('key', PAYLOAD), 'OK');
        h.sameBytes((await client.getBuffer('key'))!, PAYLOAD);
        const pipeline = client.pipeline();
        for (let number = 0; number < 1000; number += 1) pipeline.echo(String(number));
        const replies = await pipeline.exec();
        assert.deepEqual(
          replies?.map(([, reply]) => reply),
          Array.from({ length: 1000 }, (_, number) => String(number)),
        );
        await client.quit();
      }),
    );

    it(
      'receives what another client publishes',
      invariants(async (h) => {
        const route = await open(h);
        const [subscriber, publisher] = [connect(route), connect(route)];
        await subscriber.subscribe('news');
        const message = once(subscriber, 'message');
        await publisher.publish('news', 'text');
        assert.deepEqual(await message, ['news', 'text']);
        await Promise.all([subscriber.quit(), publisher.quit()]);
      }),
    );

    it(
      'connects again when the server ends the connection',
      invariants(async (h) => {
        const client = connect(await open(h));
        const id = await client.client('ID');
        await client.call('CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no').catch(() => {});
        assert.notEqual(await client.client('ID'), id);
        client.disconnect();
        await once(client, 'end');
      }),
    );
  });
});
