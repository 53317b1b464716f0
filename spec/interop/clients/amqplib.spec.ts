import { connect, type ChannelModel, type ConsumeMessage } from 'amqplib';
import {} from 'vitest';
import { ca } from '../../support/certificates.ts';
import { spec } from '../../support/spec.ts';
import { PAYLOAD } from '../exchange.ts';
import { started } from '../peers.ts';
import { RABBITMQ_START, startRabbitmq } from '../peers/rabbitmq.ts';
import { describeClient } from './clients.ts';
import { eachRoute } from './routes.ts';

/** Publishes 1 MiB to a new queue, and consumes it. */
async function delivers(connection: ChannelModel): Promise<Buffer> {
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const message = new Promise<ConsumeMessage | null>((resolve) => void channel.consume(queue, resolve, { noAck: true }));
  channel.sendToQueue(queue, PAYLOAD);
  await channel.waitForConfirms();
  return (await message)!.content;
}

describeClient('amqplib', ['rabbitmq-server'], () => {
  const rabbitmq = started(startRabbitmq, RABBITMQ_START);

  eachRoute({ 'trace + socks5': () => rabbitmq().ports.plain, tlsClient: () => rabbitmq().ports.tls }, (open) => {
    spec('publishes and consumes 1 MiB through a door', async (h) => {
      const { host, port } = await (await open(h)).door();
      const connection = await connect(`amqp://${host}:${port}`);
      h.sameBytes(await delivers(connection), PAYLOAD);
      await connection.close();
    });
  });

  eachRoute({ 'trace + socks5': () => rabbitmq().ports.tls }, (open) => {
    spec('adds its own TLS to a socket', async (h) => {
      const { through, host, port } = await open(h);
      const connection = await connect('amqps://localhost', { socket: through.connect(port, host), ca });
      h.sameBytes(await delivers(connection), PAYLOAD);
      await connection.close();
    });
  });
});
