import { describe, expect, vi } from 'vitest';
import { rooms } from '../../src/nats/rooms.ts';
import { spec } from '../support/spec.ts';

vi.mock('@nats-io/jetstream', () => {
  throw new Error('Cannot find package');
});

describe('rooms without @nats-io/jetstream', () => {
  spec('names the missing package, at once', async (h) => {
    const connection = {
      request: () => {},
      isClosed: () => false,
      closed: () => new Promise(() => {}),
      status: () => [],
      info: { max_payload: 1000 },
    };
    const chat = rooms(connection as never);
    const message = 'rooms needs the package @nats-io/jetstream, which cannot be loaded; run `npm install @nats-io/jetstream`';
    await expect(chat.publish('lobby', 'one')).rejects.toThrow(message);
    const lobby = h.observed(chat.join('lobby'));
    await lobby.ended;
    expect((lobby.error as Error).message).toBe(message);
  });
});
