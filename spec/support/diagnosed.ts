import { diagnostics, type DiagnosticsMessages, type IOStream } from 'rxjs-io-stream';
import type { Harness } from './harness.ts';

type Name = keyof DiagnosticsMessages;

/** One message, with its channel. */
export type Published = { [N in Name]: { readonly name: N; readonly message: DiagnosticsMessages[N] } }[Name];

/** Subscribes to channels until the end of the spec. Returns all messages, in order. */
export function published(h: Pick<Harness, 'defer'>, ...names: readonly Name[]): Published[] {
  const all: Published[] = [];
  for (const name of names) {
    const subscription = diagnostics(name).subscribe((message) => all.push({ name, message } as Published));
    h.defer(() => subscription.unsubscribe());
  }
  return all;
}

/** The messages about one stream as text, without those that depend on time: `connection:attempt start`. */
export function walkOf(all: readonly Published[], io: IOStream): string[] {
  return all.flatMap(({ name, message }) => {
    if (!('stream' in message) || message.stream !== io) return [];
    const { event, direction, layer } = message as { event?: string; direction?: string; layer?: string };
    return [[name.replace(/^connection:/, ''), layer, event, direction].filter((word) => word !== undefined).join(' ')];
  });
}

/** All channels of connections but that of signals. */
export const CONNECTION_CHANNELS = [
  'connection:dial',
  'connection:resolved',
  'connection:attempt',
  'connection:handshake',
  'connection:connected',
  'connection:pause',
  'connection:resume',
  'connection:limit',
  'connection:error',
  'connection:closed',
] as const satisfies readonly Name[];

/** The other channels. */
export const OTHER_CHANNELS = [
  'server:listening',
  'server:accept',
  'server:drop',
  'server:drain',
  'server:closed',
  'pool:counts',
  'pool:wait',
  'pool:timeout',
  'persistent:status',
  'mux:open',
  'mux:closed',
  'mux:ping',
  'nats:status',
  'nats:refused',
  'directory:owned',
  'directory:lost',
  'rooms:gap',
] as const satisfies readonly Name[];

/** Every channel. A name that is missing above does not compile. */
export const ALL_CHANNELS: readonly Name[] = [...CONNECTION_CHANNELS, ...OTHER_CHANNELS, 'connection:signal'];
type Missing = Exclude<Name, (typeof CONNECTION_CHANNELS)[number] | (typeof OTHER_CHANNELS)[number] | 'connection:signal'>;
export const NONE_MISSING: [Missing] extends [never] ? true : Missing = true;
