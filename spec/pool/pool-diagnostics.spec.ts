import { NEVER } from 'rxjs';
import { pool } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { served } from '../support/loopback.ts';
import { published } from '../support/diagnosed.ts';
import { spec } from '../support/spec.ts';

describe('the diagnostics of a pool', () => {
  spec('contain the counts after each tick in which they have changed, and no counts twice', async (h) => {
    const all = published(h, 'pool:counts');
    const place = (await served(h, (socket) => socket.resume().on('end', () => socket.end()))) as { host: string; port: number };
    const connections = pool({ connect: place, max: 1 });
    await h.observed(connections.use(async () => {})).ended;
    await connections[Symbol.asyncDispose]();
    const counts = all.map(({ message }) => (message as { counts: object }).counts);
    expect(counts).toEqual([
      { idle: 0, busy: 0, connecting: 1, waiting: 1 },
      { idle: 0, busy: 1, connecting: 0, waiting: 0 },
      { idle: 1, busy: 0, connecting: 0, waiting: 0 },
      { idle: 0, busy: 0, connecting: 0, waiting: 0 },
    ]);
    expect(all.every(({ message }) => (message as { pool: unknown }).pool === connections)).toBe(true);
  });

  spec('contain each use that has to wait, and each that has waited too long', async (h) => {
    const all = published(h, 'pool:wait', 'pool:timeout');
    const place = (await served(h, (socket) => socket.resume())) as { host: string; port: number };
    const connections = pool({ connect: place, max: 1, waitTimeout: 50 });
    let isBusy = false;
    const long = h.observed(
      connections.use(() => {
        isBusy = true;
        return NEVER;
      }),
    );
    await h.until(() => isBusy);
    const late = h.observed(connections.use(() => NEVER));
    await late.ended;
    const busy = { idle: 0, busy: 1, connecting: 0, waiting: 1 };
    expect(all.map(({ name, message }) => ({ name, ...message }))).toMatchObject([
      { name: 'pool:wait', pool: connections, counts: { busy: 0, connecting: 1, waiting: 1 } },
      { name: 'pool:wait', pool: connections, counts: busy },
      { name: 'pool:timeout', pool: connections, counts: busy, error: { code: 'ETOCONNECT' } },
    ]);
    long.unsubscribe();
    connections.close();
  });
});
