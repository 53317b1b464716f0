import { expect } from 'vitest';
import { tlsClient } from '../../src/plugins/tls/tls-client.ts';
import { ca } from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { Exchange, PAYLOAD } from './exchange.ts';
import { describePeer, started } from './peers.ts';
import { REDIS_PASSWORD, startRedis } from './peers/redis.ts';

/** Number of pipelined commands. */
const BURST = 1000;

/** Encodes a command in the protocol of redis: an array of byte strings. */
function command(...words: readonly (string | Uint8Array)[]): Buffer {
  const parts = words.map((word) =>
    Buffer.concat([Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), Buffer.from('\r\n')]),
  );
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]);
}

describePeer('redis over TLS', 'redis-server', () => {
  const redis = started(startRedis);
  const dial = (h: Harness): Promise<Exchange> =>
    Exchange.open(h, { host: '127.0.0.1', port: redis().ports.tls, plugin: { ssl: tlsClient({ ca }) } });
  const expectReply = async (exchange: Exchange, request: Uint8Array, reply: string): Promise<void> => {
    const before = exchange.bytes.length;
    exchange.io.write(request);
    await exchange.untilReceived(before + reply.length);
    expect(exchange.bytes.subarray(before).toString('latin1')).toBe(reply);
  };

  spec('answers PING only after AUTH', async (h) => {
    const exchange = await dial(h);
    await expectReply(exchange, command('PING'), '-NOAUTH Authentication required.\r\n');
    await expectReply(exchange, command('AUTH', REDIS_PASSWORD), '+OK\r\n');
    await expectReply(exchange, command('PING'), '+PONG\r\n');
    await exchange.close();
  });

  spec(`receives the replies to ${BURST} pipelined commands in order`, async (h) => {
    const exchange = await dial(h);
    await expectReply(exchange, command('AUTH', REDIS_PASSWORD), '+OK\r\n');
    const before = exchange.bytes.length;
    const words = Array.from({ length: BURST }, (_, at) => `word ${at}`);
    for (const word of words) exchange.io.write(command('ECHO', word));
    const replies = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
    await exchange.untilReceived(before + replies.length);
    h.sameBytes(exchange.bytes.subarray(before), replies);
    await exchange.close();
  });

  spec('stores and returns a value of 1 MiB', async (h) => {
    const exchange = await dial(h);
    await expectReply(exchange, command('AUTH', REDIS_PASSWORD), '+OK\r\n');
    await expectReply(exchange, command('SET', 'key', PAYLOAD), '+OK\r\n');
    const before = exchange.bytes.length;
    const head = `$${PAYLOAD.length}\r\n`;
    exchange.io.write(command('GET', 'key'));
    await exchange.untilReceived(before + head.length + PAYLOAD.length + '\r\n'.length);
    h.sameBytes(exchange.bytes.subarray(before), [head, PAYLOAD, '\r\n']);
    await exchange.close();
  });

  spec('ends with close_notify after QUIT', async (h) => {
    const exchange = await dial(h);
    await expectReply(exchange, command('QUIT'), '+OK\r\n');
    await exchange.data.ended;
    expect([exchange.data.state, exchange.io.details.ssl?.truncated]).toStrictEqual(['complete', undefined]);
  });
});
