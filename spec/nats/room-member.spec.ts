import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { EMPTY, NEVER, Subject, type Observable } from 'rxjs';
import type { LogExtent, LogFollower, RoomLog } from '../../src/nats/room-log.ts';
import { roomsOverLog } from '../../src/nats/rooms-over-log.ts';
import type { Published, RoomMessage } from '../../src/nats/rooms-types.ts';
import { shownEvents } from '../support/room-events.ts';
import { spec } from '../support/spec.ts';

/** A log whose consumer is behind: the spec decides when the follower gets what is stored. */
class LateLog implements RoomLog {
  readonly stored: RoomMessage[] = [];
  follower: LogFollower | undefined;
  first = 1;
  followers = 0;

  append(room: string, id: string, data: Uint8Array): Promise<Published> {
    const sequence = this.stored.length + 1;
    this.stored.push({ kind: 'message', room, sequence, id, data });
    return Promise.resolve({ sequence, isDuplicate: false });
  }

  next(room: string, after: number): Promise<RoomMessage | undefined> {
    return Promise.resolve(this.stored.find((each) => each.room === room && each.sequence > after && each.sequence >= this.first));
  }

  extent(room: string): Promise<LogExtent> {
    const count = this.stored.filter((each) => each.room === room && each.sequence >= this.first).length;
    return Promise.resolve({ first: this.first, last: this.stored.length, count, limit: Infinity });
  }

  follow(follower: LogFollower): { unsubscribe(): void } {
    this.follower = follower;
    this.followers += 1;
    return { unsubscribe: () => (this.followers -= 1) };
  }

  /** Passes a stored message on, as the consumer does. */
  pass(sequence: number): void {
    const message = this.stored[sequence - 1];
    if (message) this.follower?.onMessage(message);
  }
}

const settled = (): Promise<void> => wait(5);

describe('a member of a room', () => {
  spec('delivers a message once that it has read from the history before the consumer passes it on', async (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const gate = new Subject<void>();
    const deliver = ({ kind }: { readonly kind: string }): Observable<unknown> => (kind === 'message' ? gate : EMPTY);
    await chat.publish('lobby', 'one');
    const lobby = h.observed(chat.join('lobby', { after: 0, deliver }));
    await settled();
    await chat.publish('lobby', 'two');
    log.pass(1);
    log.pass(2);
    gate.complete();
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one', '2 two']);
  });

  spec('reads what was stored before the consumer has started', async (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const lobby = h.observed(chat.join('lobby'));
    await settled();
    await chat.publish('lobby', 'one');
    log.follower?.onBreak(0);
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one']);
  });

  spec('gets no gap after a break if only messages were removed that the consumer had passed on', async (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const lobby = h.observed(chat.join('lobby'));
    await settled();
    for (let count = 1; count <= 5; count += 1) {
      await chat.publish('other', 'x');
      log.pass(count);
    }
    log.first = 5;
    log.follower?.onBreak(5);
    await settled();
    await chat.publish('lobby', 'six');
    log.pass(6);
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '6 six']);
  });

  spec('gets a gap after a break if messages were removed that the consumer had not passed on', async (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const lobby = h.observed(chat.join('lobby'));
    await settled();
    for (let count = 1; count <= 5; count += 1) await chat.publish('lobby', String(count));
    log.first = 4;
    log.follower?.onBreak(0);
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', 'gap 0 to 4', '4 4', '5 5']);
  });

  spec('shares one consumer, which ends with the last member', (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const members = ['a', 'a', 'b'].map((room) => h.observed(chat.join(room, { deliver: () => NEVER })));
    expect(log.followers).toBe(1);
    for (const member of members) member.unsubscribe();
    expect(log.followers).toBe(0);
    const again = h.observed(chat.join('a'));
    expect(log.followers).toBe(1);
    again.unsubscribe();
  });

  spec('errors all members with the error of the consumer', async (h) => {
    const log = new LateLog();
    const chat = roomsOverLog(log, 1000);
    const members = ['a', 'b'].map((room) => h.observed(chat.join(room)));
    log.follower?.onError(new Error('closed'));
    await Promise.all(members.map(({ ended }) => ended));
    expect(members.map(({ error }) => error)).toEqual([new Error('closed'), new Error('closed')]);
    expect(log.followers).toBe(1); // It has ended itself: nothing is left to unsubscribe.
  });
});
