import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { EMPTY, NEVER, Observable, Subject, throwError } from 'rxjs';
import { memoryRooms } from '../../src/nats/memory-rooms.ts';
import { rooms } from '../../src/nats/rooms.ts';
import type { RoomEvent } from '../../src/nats/rooms-types.ts';
import { shownEvents, holesIn } from '../support/room-events.ts';
import { spec } from '../support/spec.ts';

const settled = (): Promise<void> => wait(5);

describe('memoryRooms', () => {
  spec('emits the position, then the messages of the room in order', async (h) => {
    const chat = memoryRooms();
    await chat.publish('lobby', 'before');
    const lobby = h.observed(chat.join('lobby'));
    await settled();
    expect(await chat.publish('lobby', 'one')).toEqual({ sequence: 2, isDuplicate: false });
    await chat.publish('other', 'elsewhere');
    await chat.publish('lobby', Uint8Array.of(116, 119, 111));
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 1', '2 one', '4 two']);
  });

  spec('resumes after a sequence, and reads what was published meanwhile from the history', async (h) => {
    const chat = memoryRooms();
    for (let count = 1; count <= 100; count += 1) await chat.publish(count % 2 ? 'lobby' : 'other', String(count));
    const lobby = h.observed(chat.join('lobby', { after: 89 }));
    await chat.publish('lobby', '101');
    await h.until(() => lobby.values.length === 7);
    expect(shownEvents(lobby.values)).toEqual(['joined 89', '91 91', '93 93', '95 95', '97 97', '99 99', '101 101']);
  });

  spec('emits one gap, and then what is kept, if the history does not reach back so far', async (h) => {
    const chat = memoryRooms({ history: 2 });
    for (let count = 1; count <= 5; count += 1) await chat.publish('lobby', String(count));
    const old = h.observed(chat.join('lobby', { after: 1 }));
    const recent = h.observed(chat.join('lobby', { after: 4 }));
    await settled();
    expect(shownEvents(old.values)).toEqual(['joined 1', 'gap 1 to 4', '4 4', '5 5']);
    expect(shownEvents(recent.values)).toEqual(['joined 4', '5 5']);
  });

  spec('emits no gap if only other rooms have lost messages of their own', async (h) => {
    const chat = memoryRooms({ history: 2 });
    await chat.publish('lobby', 'one');
    for (let count = 1; count <= 5; count += 1) await chat.publish('other', String(count));
    await chat.publish('lobby', 'two');
    const lobby = h.observed(chat.join('lobby', { after: 1 }));
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 1', '7 two']);
  });

  spec('emits a gap if the bytes of all rooms have removed the messages of this one', async (h) => {
    const chat = memoryRooms({ maxBytes: 1000 });
    await chat.publish('lobby', 'one');
    for (let count = 1; count <= 5; count += 1) await chat.publish('other', new Uint8Array(300));
    const lobby = h.observed(chat.join('lobby', { after: 0 }));
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', 'gap 0 to 7']);
    await chat.publish('lobby', 'two');
    await h.until(() => lobby.values.length === 3);
    expect(shownEvents(lobby.values)).toEqual(['joined 0', 'gap 0 to 7', '7 two']);
  });

  spec('emits a gap for a position that the log has not reached: it is another log', async (h) => {
    const chat = memoryRooms();
    await chat.publish('lobby', 'one');
    const lobby = h.observed(chat.join('lobby', { after: 50 }));
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 50', 'gap 50 to 1', '1 one']);
  });

  spec('stores a message once for each id', async (h) => {
    const chat = memoryRooms();
    const lobby = h.observed(chat.join('lobby'));
    await settled();
    const first = await chat.publish('lobby', 'one', { id: 'a' });
    expect(await chat.publish('lobby', 'one', { id: 'a' })).toEqual({ sequence: first.sequence, isDuplicate: true });
    await settled();
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one']);
  });

  spec('accepts an id again after the duplicate window', async () => {
    const chat = memoryRooms({ duplicateWindow: 10 });
    await chat.publish('lobby', 'one', { id: 'a' });
    await wait(20);
    expect(await chat.publish('lobby', 'one', { id: 'a' })).toEqual({ sequence: 2, isDuplicate: false });
  });

  spec('delivers one event at a time to a slow member, which loses nothing that the history keeps', async (h) => {
    const chat = memoryRooms({ buffer: 500 });
    let [atOnce, most] = [0, 0];
    const deliver = async (): Promise<void> => {
      most = Math.max(most, (atOnce += 1));
      await turn();
      atOnce -= 1;
    };
    const slow = h.observed(chat.join('lobby', { deliver }));
    await settled();
    for (let count = 1; count <= 200; count += 1) await chat.publish('lobby', String(count));
    await h.until(() => slow.values.length === 201);
    expect(most).toBe(1);
    expect(shownEvents(slow.values).slice(1)).toEqual(Array.from({ length: 200 }, (_, index) => `${index + 1} ${index + 1}`));
  });

  spec('gives a member one gap if the history was removed while it was slow', async (h) => {
    const chat = memoryRooms({ buffer: 200, history: 10 });
    const gate = new Subject<void>();
    let isOpen = false;
    const deliver = (event: RoomEvent): Observable<unknown> =>
      event.kind === 'message' && !isOpen ? new Observable((out) => gate.subscribe(out)) : EMPTY;
    const slow = h.observed(chat.join('lobby', { deliver }));
    await settled();
    for (let count = 1; count <= 100; count += 1) await chat.publish('lobby', String(count));
    isOpen = true;
    gate.complete();
    await h.until(() => slow.values.length === 13);
    expect(shownEvents(slow.values)).toEqual([
      'joined 0',
      '1 1',
      'gap 1 to 91',
      ...Array.from({ length: 10 }, (_, index) => `${index + 91} ${index + 91}`),
    ]);
  });

  spec('holds at most buffer bytes for a member that reads nothing', async (h) => {
    const chat = memoryRooms({ buffer: 10_000, history: 5 });
    h.observed(chat.join('lobby', { deliver: () => NEVER }));
    await settled();
    for (let count = 0; count < 100; count += 1) {
      const id = String(count);
      await chat.publish('lobby', new Uint8Array(5000), { id });
    }
    const late = h.observed(chat.join('lobby', { after: 0 }));
    await h.until(() => late.values.length > 5);
    expect(shownEvents(late.values)[1]).toBe('gap 0 to 96');
  });

  spec('errors the membership with the error of deliver, and serves the others', async (h) => {
    const chat = memoryRooms();
    const good = h.observed(chat.join('lobby'));
    const failing = h.observed(
      chat.join('lobby', { deliver: ({ kind }) => (kind === 'joined' ? EMPTY : throwError(() => new Error('gone'))) }),
    );
    const throwing = h.observed(
      chat.join('lobby', {
        deliver: () => {
          throw new Error('thrown');
        },
      }),
    );
    await settled();
    await chat.publish('lobby', 'one');
    await settled();
    expect([failing.error, throwing.error]).toEqual([new Error('gone'), new Error('thrown')]);
    expect(shownEvents(good.values)).toEqual(['joined 0', '1 one']);
  });

  spec('unsubscribes from the delivery of a member that leaves, and delivers nothing after it', async (h) => {
    const chat = memoryRooms();
    let isLeft = false;
    const leaving = h.observed(chat.join('lobby', { deliver: () => new Observable(() => () => (isLeft = true)) }));
    await settled();
    leaving.unsubscribe();
    await chat.publish('lobby', 'one');
    expect([isLeft, leaving.values]).toEqual([true, []]);
  });

  spec('has no unmarked hole and no duplicate, whatever members and publishers do', async (h) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = randomOf(seed);
      const chat = memoryRooms({ buffer: 100 + random(600), history: 3 + random(40) });
      const sent = new Map<string, number[]>();
      const names = ['a', 'b', 'c'];
      const spies = Array.from({ length: 6 }, (_, index) => {
        const [room = 'a'] = names.slice(index % 3);
        const deliver = (): Promise<unknown> => (random(3) === 0 ? turn() : random(20) === 0 ? wait(1) : Promise.resolve());
        return { room, spy: h.observed(chat.join(room, { after: 0, ...(index < 3 ? { deliver } : {}) })) };
      });
      for (let count = 0; count < 200; count += 1) {
        const [room = 'a'] = names.slice(random(3));
        const { sequence } = await chat.publish(room, 'x');
        sent.set(room, [...(sent.get(room) ?? []), sequence]);
        if (random(10) === 0) await turn();
      }
      const isDone = (): boolean =>
        spies.every(({ room, spy }) => (spy.values.at(-1) as { sequence?: number }).sequence === sent.get(room)?.at(-1));
      await h.until(isDone, `all members have the last message (seed ${seed})`);
      for (const { room, spy } of spies) expect(holesIn(spy.values, sent.get(room) ?? []), `seed ${seed}`).toEqual([]);
    }
  });

  spec.each([
    ['no room', () => memoryRooms().join(''), /^expected a room to be letters, digits/],
    ['a room with a wildcard', () => memoryRooms().publish('*', 'x'), /^expected a room to be letters, digits, .* got "\*" \(string\)/],
    [
      'data that is no bytes',
      () => memoryRooms().publish('a', 5 as never),
      /^expected `data` of publish to be a Uint8Array or a string, got 5/,
    ],
    ['an id with a space', () => memoryRooms().publish('a', '', { id: 'a b' }), /^expected `id` of publish to be visible characters/],
    ['an unknown option', () => memoryRooms({ hystory: 1 } as never), /hystory/],
    ['a negative position', () => memoryRooms().join('a', { after: -1 }), /^expected `after` of join to be a sequence, 0 or more, got -1/],
    [
      'a timeout that the duplicate window does not cover',
      () => rooms({ request: () => {}, status: () => {} } as never, { timeout: 5000, duplicateWindow: 5000 }),
      /^expected `timeout` of rooms \(5000 ms\) to be less than duplicateWindow = 5000 ms: a later repetition would be stored twice/,
    ],
    [
      'a timeout that outlasts the messages',
      () => rooms({ request: () => {}, status: () => {} } as never, { maxAge: 10_000 }),
      /^expected `timeout` of rooms \(10000 ms\) to be less than maxAge = 10000 ms: a later repetition would be stored twice/,
    ],
  ] as const)('throws for %s', (_h, _name, call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });
});

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}
