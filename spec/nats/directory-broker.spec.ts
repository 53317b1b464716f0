import { Kvm } from '@nats-io/kv';
import { expect } from 'vitest';
import { directory } from '../../src/nats/directory.ts';
import type { Claim } from '../../src/nats/directory-types.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker } from '../interop/peers/nats.ts';
import { raceForSessions } from '../soak/directory-races.ts';
import { spec } from '../support/spec.ts';
import { natsClient } from './nats-tools.ts';

describePeer('directory in a real bucket', 'nats-server', () => {
  const broker = started(startBroker);

  spec('has one winner for each of 100 sessions that four nodes claim, and refuses stale writes', async () => {
    const report = await raceForSessions({ servers: [broker().url], sessions: 100, nodes: 4, bucket: 'races' });
    expect(report).toMatchObject({
      claims: 400,
      winners: 100,
      sessionsWithOneWinner: 100,
      staleRefused: 100,
      staleStored: 0,
      tokensOutOfOrder: 0,
    });
  });

  spec('lets another node own a session after its release, its loss and its expiry', async (h) => {
    const connections = [await natsClient(h, broker().url), await natsClient(h, broker().url)] as const;
    const timing = { ttl: 1500, heartbeat: 600 }; // A take fails if a renewal comes between its read and its write.
    const open = async (at: 0 | 1): Promise<ReturnType<typeof directory>> =>
      directory(await new Kvm(connections[at]).create('moves', { ttl: 2000, history: 64 }), timing);
    const [one, two] = [await open(0), await open(1)];
    const tokenOf = ({ values }: { readonly values: readonly Claim[] }): number => values[0]?.token ?? 0;
    const watching = h.observed(one.watch('u7'));

    const first = h.observed(one.claim('u7', { value: 'one' }));
    await h.until(() => first.values.length === 1 && watching.values.length === 1); // The broker has made the watch.
    const waiting = h.observed(two.claim('u7', { value: 'two', whenOwned: 'wait' }));
    await first.values[0]?.release();
    await h.until(() => waiting.values.length === 1);

    const taking = h.observed(one.claim('u7', { value: 'one again', whenOwned: 'take' }));
    await waiting.ended;
    h.error(waiting.error, { code: 'ESTALE' });
    await h.until(() => watching.values.length === 4);

    const last = h.observed(two.claim('u7', { value: 'two again', whenOwned: 'wait' }));
    await connections[0].close(); // The owner is cut off: it knows before the other takes over.
    await taking.ended;
    h.error(taking.error, { code: 'ESTALE' });
    await h.until(() => last.values.length === 1);
    expect(tokenOf(first) < tokenOf(waiting) && tokenOf(waiting) < tokenOf(taking) && tokenOf(taking) < tokenOf(last)).toBe(true);
    expect(watching.values.map(({ value }) => value)).toEqual(['one', undefined, 'two', 'one again']);
    h.error(watching.error, { code: 'ECONNRESET' });
    await last.values[0]?.release();
  });
});
