import { createClient, RESP_TYPES } from 'redis';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { REDIS_PASSWORD, startRedis } from '../peers/redis.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

describeClient('node-redis', ['redis-server'], () => {
  const redis = started(startRedis);
  /** Creates and connects a client. It reconnects after 1 ms. */
  const client = async (route: Route) => {
    const { host, port } = await route.door();
    // The timers of its command timeout remain after the replies.
    const made = createClient({ password: REDIS_PASSWORD, socket: { host, port, reconnectStrategy: 1 }, commandOptions: { timeout: 0 } });
    return made.on('error', () => {}).connect();
  };

  eachRoute({ 'trace + socks5': () => redis().ports.plain, tlsClient: () => redis().ports.tls }, (open) => {
    spec('sends and receives 1 MiB, and 1000 commands in one pipeline, through a door', async (h) => {
      const connected = await client(await open(h));
      expect(await connected.set('key', PAYLOAD)).toBe('OK');
      const bytes = await connected.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('key');
      h.sameBytes(bytes!, PAYLOAD);
      const replies = await Promise.all(Array.from({ length: 1000 }, async (_, number) => connected.echo(String(number))));
      expect(replies).toStrictEqual(Array.from({ length: 1000 }, (_, number) => String(number)));
      await connected.close();
    });

    spec('receives messages that another client publishes', async (h) => {
      const route = await open(h);
      const [subscriber, publisher] = [await client(route), await client(route)];
      const message = new Promise((resolve) => void subscriber.subscribe('news', resolve).then(() => publisher.publish('news', 'text')));
      expect(await message).toBe('text');
      await Promise.all([subscriber.close(), publisher.close()]);
    });

    spec('reconnects through the same door when the server ends the connection', async (h) => {
      const connected = await client(await open(h));
      const id = await connected.clientId();
      const ready = new Promise((resolve) => connected.once('ready', resolve));
      await connected.sendCommand(['CLIENT', 'KILL', 'ID', String(id), 'SKIPME', 'no']).catch(() => {});
      await ready;
      expect(await connected.clientId()).not.toBe(id);
      connected.destroy();
    });
  });
});
