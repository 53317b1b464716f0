import { checkOptions, type OptionSet, type Rules } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { isCount, isFunction, isText } from '../util/value-tests.ts';
import { webCrypto } from '../util/web-crypto.ts';
import type { JoinOptions, MemoryRoomsOptions, PublishOptions, RoomsOptions } from './rooms-types.ts';

/** The options of {@link memoryRooms} with their defaults. */
export type MemoryRoomsPlan = Readonly<Record<keyof MemoryRoomsOptions, number>>;

/** The options of {@link rooms} with their defaults. */
export type RoomsPlan = { readonly [K in keyof RoomsOptions]-?: NonNullable<RoomsOptions[K]> };

const isPositive = (value: unknown): boolean => typeof value === 'number' && value > 0 && value !== Infinity;
const isBytes = (value: unknown): boolean => isCount(value) && value > 0;
/** Text that is one part of a subject, or several that dots separate. */
const SUBJECT = /^[-\w]+(\.[-\w]+)*$/;
const MAX_ROOM = 128;

const MEMORY_RULES: Rules = {
  history: ['a number of messages, more than 0', isBytes],
  maxBytes: ['a number of bytes, more than 0', isBytes],
  duplicateWindow: ['milliseconds, more than 0', isPositive],
  buffer: ['a number of bytes, more than 0', isBytes],
};

const MEMORY_OPTIONS: OptionSet = { caller: 'memoryRooms', rules: MEMORY_RULES, show: describeValue };

const OPTIONS: OptionSet = {
  caller: 'rooms',
  rules: {
    ...MEMORY_RULES,
    stream: ['letters, digits, - and _', (value) => isText(value) && /^[-\w]+$/.test(value)],
    subject: ['letters, digits, - and _ in parts that dots separate', (value) => isText(value) && SUBJECT.test(value)],
    maxAge: ['milliseconds, 0 for no limit', isCount],
    replicas: ['1, 3 or 5', (value) => value === 1 || value === 3 || value === 5],
    timeout: ['milliseconds, more than 0', isPositive],
    maxPending: ['a number of bytes, more than 0', isBytes],
    heartbeat: ['milliseconds, 100 or more', (value) => isPositive(value) && (value as number) >= 100],
  },
  show: describeValue,
};

const JOIN_OPTIONS: OptionSet = {
  caller: 'join',
  rules: { after: ['a sequence, 0 or more', isCount], deliver: ['a function', isFunction] },
  show: describeValue,
};

const PUBLISH_OPTIONS: OptionSet = {
  caller: 'publish',
  rules: { id: ['visible characters of ASCII, at most 256', (value) => typeof value === 'string' && /^[!-~]{1,256}$/.test(value)] },
};

export function planMemoryRooms(options: MemoryRoomsOptions): MemoryRoomsPlan {
  const plan = checkOptions(options, MEMORY_OPTIONS);
  return memoryDefaults(plan);
}

export function planRooms(options: RoomsOptions): RoomsPlan {
  const own = checkOptions(options, OPTIONS);
  const { stream = 'ROOMS', subject = 'rooms', maxAge = 3_600_000, replicas = 1 } = own;
  const { timeout = 10_000, maxPending = 1024 * 1024, heartbeat = 2000 } = own;
  const plan = { ...memoryDefaults(own), stream, subject, maxAge, replicas, timeout, maxPending, heartbeat };
  // Ids are not remembered for longer than messages.
  const shorter = maxAge > 0 && maxAge < plan.duplicateWindow ? 'maxAge' : 'duplicateWindow';
  if (timeout >= plan[shorter])
    throw new TypeError(
      `expected \`timeout\` of rooms (${timeout} ms) to be less than ${shorter} = ${plan[shorter]} ms: a later repetition would be stored twice`,
    );
  return plan;
}

function memoryDefaults(own: MemoryRoomsOptions): MemoryRoomsPlan {
  const { history = 1000, maxBytes = 64 * 1024 * 1024, duplicateWindow = 120_000, buffer = 256 * 1024 } = own;
  return { history, maxBytes, duplicateWindow, buffer };
}

export function planJoin(options: JoinOptions): JoinOptions {
  return checkOptions(options, JOIN_OPTIONS);
}

export function planPublish(options: PublishOptions): string {
  const { id = webCrypto().randomUUID() } = checkOptions(options, PUBLISH_OPTIONS);
  return id;
}

/** @throws TypeError unless the room can be a part of a subject. */
export function checkRoom(room: unknown): asserts room is string {
  if (typeof room === 'string' && room.length <= MAX_ROOM && SUBJECT.test(room)) return;
  throw new TypeError(
    `expected a room to be letters, digits, - and _ in parts that dots separate, at most ${MAX_ROOM} characters, got ${describeValue(room)}; encode other text`,
  );
}

export function bytesOf(data: unknown): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return data;
  throw new TypeError(`expected \`data\` of publish to be a Uint8Array or a string, got ${describeValue(data)}`);
}
