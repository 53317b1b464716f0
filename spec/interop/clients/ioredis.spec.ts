import { once } from 'node:events';
import type { Socket } from 'node:net';
import { AbstractConnector, Redis } from 'ioredis';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { REDIS_PASSWORD, startRedis } from '../peers/redis.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

/** Returns a class for the `Connector` option of ioredis. */
function connectorOf(route: Route): new () => AbstractConnector {
  return class extends AbstractConnector {
    constructor() {
      super(1000); // Time until it destroys a stream that does not close.
    }

    connect(): Promise<Socket> {
      const socket = route.through.connect(route.port, route.host);
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
    spec('sends and receives 1 MiB, and 1000 commands in one pipeline', async (h) => {
      const client = connect(await open(h));
      expect(await client.set('key', PAYLOAD)).toBe('OK');
      h.sameBytes((await client.getBuffer('key'))!, PAYLOAD);
      const pipeline = client.pipeline();
      for (let number = 0; number < 1000; number += 1) pipeline.echo(String(number));
      const replies = await pipeline.exec();
      expect(replies?.map(([, reply]) => reply)).toStrictEqual(Array.from({ length: 1000 }, (_, number) => String(number)));
      await client.quit();
    });

    spec('receives messages that another client publishes', async (h) => {
      const route = await open(h);
      const [subscriber, publisher] = [connect(route), connect(route)];
      await subscriber.subscribe('news');
      const message = once(subscriber, 'message');
      await publisher.publish('news', 'text');
      expect(await message).toStrictEqual(['news', 'text']);
      await Promise.all([subscriber.quit(), publisher.quit()]);
    });

    spec('reconnects when the server ends the connection', async (h) => {
      const client = connect(await open(h));
      const id = await client.client('ID');
      await client.call('CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no').catch(() => {});
      expect(await client.client('ID')).not.toBe(id);
      client.disconnect();
      await once(client, 'end');
    });
  });
});
