import { MqttClient } from 'mqtt';
import { expect } from 'vitest';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { startMosquitto } from '../peers/mosquitto.ts';
import { describeClient } from './clients.ts';
import { eachRoute, type Route } from './routes.ts';

const happens = (client: MqttClient, event: 'connect' | 'close'): Promise<void> =>
  new Promise((resolve) => client.once(event, () => resolve()));
const received = (client: MqttClient): Promise<Buffer> =>
  new Promise((resolve) => client.once('message', (_, payload) => resolve(payload)));

describeClient('mqtt', ['mosquitto'], () => {
  const mosquitto = started(startMosquitto);
  const connect = async (route: Route, clientId = ''): Promise<MqttClient> => {
    const client = new MqttClient(() => route.through.connect(route.port, route.host), { clientId, reconnectPeriod: 1 });
    await happens(client, 'connect');
    return client;
  };

  eachRoute({ 'trace + socks5': () => mosquitto().ports.plain, tlsClient: () => mosquitto().ports.tls }, (open) => {
    spec('publishes and receives 1 MiB with each quality of service', async (h) => {
      const client = await connect(await open(h));
      await client.subscribeAsync('bytes', { qos: 2 });
      for (const qos of [0, 1, 2] as const) {
        const message = received(client);
        await client.publishAsync('bytes', PAYLOAD, { qos });
        h.sameBytes(await message, PAYLOAD);
      }
      await client.endAsync();
    });

    spec('reconnects when the broker ends the connection', async (h) => {
      const route = await open(h);
      const first = await connect(route, 'same-id');
      const lost = happens(first, 'close');
      const second = await connect(route, 'same-id');
      await lost;
      await second.endAsync();
      if (!first.connected) await happens(first, 'connect');
      expect(first.connected).toBe(true);
      await first.endAsync();
    });

    spec('ends at once with `force`', async (h) => {
      const client = await connect(await open(h));
      await client.endAsync(true);
      expect(client.connected).toBe(false);
    });
  });
});
