import { setTimeout as wait } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { describe, expect } from 'vitest';
import { linkOf } from '../../src/nats/broker-link.ts';
import { directory } from '../../src/nats/directory.ts';
import { memoryRooms } from '../../src/nats/memory-rooms.ts';
import type { NatsConnection } from '../../src/nats/nats-connection.ts';
import { published } from '../support/diagnosed.ts';
import { MemoryKv } from '../support/memory-kv.ts';
import { spec } from '../support/spec.ts';

/** Lets what is due be done. */
const settled = (): Promise<void> => wait(5);

/** A connection to NATS whose events a spec emits. */
class FakeConnection implements Pick<NatsConnection, 'info' | 'status' | 'closed' | 'isClosed'> {
  readonly info = { max_payload: 1024 };
  readonly status$ = new Subject<{ type: string; error?: Error }>();
  close!: (reason: Error) => void;
  readonly #end = new Promise<Error>((resolve) => (this.close = resolve));

  async *status(): AsyncGenerator<{ type: string; error?: Error }> {
    const waiting: { type: string; error?: Error }[] = [];
    let wake = (): void => {};
    this.status$.subscribe((event) => {
      waiting.push(event);
      wake();
    });
    for (;;) {
      yield* waiting.splice(0);
      if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  closed(): Promise<Error> {
    return this.#end;
  }

  isClosed(): boolean {
    return false;
  }
}

describe('the diagnostics of NATS', () => {
  spec('contain what happens to a connection', async (h) => {
    const all = published(h, 'nats:status', 'nats:refused');
    const connection = new FakeConnection();
    linkOf(connection as unknown as NatsConnection);
    await settled();
    const refusal = Object.assign(new Error('no permission'), { operation: 'publish', subject: 'secret' });
    const reason = new Error('the credentials have expired');
    connection.status$.next({ type: 'disconnect' });
    connection.status$.next({ type: 'reconnect' });
    connection.status$.next({ type: 'error', error: refusal });
    await settled();
    connection.close(reason);
    await settled();
    expect(all).toStrictEqual([
      { name: 'nats:status', message: { connection, status: 'disconnected', error: undefined } },
      { name: 'nats:status', message: { connection, status: 'connected', error: undefined } },
      { name: 'nats:refused', message: { connection, subject: 'secret', error: refusal } },
      { name: 'nats:status', message: { connection, status: 'closed', error: reason } },
    ]);
  });

  spec('contain who owns a session, and who has lost it', async (h) => {
    const all = published(h, 'directory:owned', 'directory:lost');
    const sessions = directory(new MemoryKv());
    const first = h.observed(sessions.claim('u7'));
    await settled();
    h.observed(sessions.claim('u7', { whenOwned: 'take' }));
    await settled();
    await first.values[0]!.update('new').catch(() => {});
    await first.ended;
    expect(all).toStrictEqual([
      { name: 'directory:owned', message: { session: 'u7', token: 1 } },
      { name: 'directory:owned', message: { session: 'u7', token: 2 } },
      { name: 'directory:lost', message: { session: 'u7', token: 1, error: first.error } },
    ]);
  });

  spec('contain each gap of a member of a room', async (h) => {
    const all = published(h, 'rooms:gap');
    const chat = memoryRooms({ history: 2 });
    for (let count = 1; count <= 5; count += 1) await chat.publish('lobby', String(count));
    h.observed(chat.join('lobby', { after: 1 }));
    await settled();
    expect(all).toStrictEqual([{ name: 'rooms:gap', message: { room: 'lobby', after: 1, before: 4 } }]);
  });
});
