import { expect } from 'vitest';
import type { NatsConnection, NatsSubscribeOptions } from '../../src/nats/nats-connection.ts';
import { NatsListener } from '../../src/nats/nats-listener.ts';
import { decodeCode, decodeFrame, encodeFrame } from '../../src/protocol/message-frame.ts';
import { spec } from '../support/spec.ts';

spec('NatsListener keeps 1024 requests that arrive before the server is there, and refuses the others', () => {
  const answers: string[] = [];
  let receive!: NonNullable<NatsSubscribeOptions['callback']>;
  const connection = {
    publish: (reply: string, message: Uint8Array) => void answers.push(`${reply} ${decodeCode(decodeFrame(message).payload)}`),
    subscribe: (_subject: string, { callback }: NatsSubscribeOptions) => {
      receive = callback!;
      return { drain: () => Promise.resolve() };
    },
  } as unknown as NatsConnection;
  const listener = new NatsListener({ connection, subject: 'a', queue: 'q', isFull: () => false });
  const accepted: string[] = [];
  listener.on('connection', ({ reply }) => accepted.push(reply));
  const data = encodeFrame({ type: 'PING', from: 7, to: 0, window: 1000, position: 0, read: 0 });
  for (let at = 1; at <= 1026; at += 1) receive(null, { subject: 'a', reply: `inbox-${at}`, data });
  expect(accepted).toEqual([]);
  expect(answers).toEqual(['inbox-1025 EMFILE', 'inbox-1026 EMFILE']);
  listener.start();
  expect(accepted.length).toBe(1024);
  receive(null, { subject: 'a', reply: 'later', data });
  expect(accepted.at(-1)).toBe('later');
  listener.close();
});
