import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { startNats } from '../peers/nats.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';
import { startTlsFront } from './tls-front.ts';

describeClient('nats', ['nats-server'], () => {
  const nats = started(startNats);
  const front = started(() => startTlsFront(nats().ports.port));
  const client = async (route: Route): Promise<NatsConnection> => {
    const { host, port } = await route.door();
    return connect({ servers: `${host}:${port}`, ignoreClusterUpdates: true });
  };

  eachRoute({ 'trace + socks5': () => nats().ports.port, tlsClient: () => front().port }, (open) => {
    spec('publishes and receives 1 MiB through a door', async (h) => {
      const connection = await client(await open(h));
      const messages = connection.subscribe('bytes', { max: 1 });
      connection.publish('bytes', PAYLOAD);
      for await (const { data } of messages) h.sameBytes(data, PAYLOAD);
      await connection.drain();
    });

    spec('sends 100 requests to another client, and receives its replies', async (h) => {
      const route = await open(h);
      const [service, caller] = [await client(route), await client(route)];
      service.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
      await service.flush();
      const replies = await Promise.all(Array.from({ length: 100 }, async (_, number) => caller.request('echo', String(number))));
      expect(replies.map((reply) => reply.string())).toStrictEqual(Array.from({ length: 100 }, (_, number) => String(number)));
      await Promise.all([service.drain(), caller.drain()]);
    });
  });
});
