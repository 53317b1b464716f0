import { asText } from '../../util/log-format.ts';
import type { LayerDetails } from '../../wire/signal.ts';
import type { LineName } from '../marbles/mark.ts';
import type { MarbleSignal, MarbleTimeline } from '../marbles/timelines.ts';
import { parseRecording } from '../recording/parse-recording.ts';
import type { RecordedEntry, RecordedSignal, Recording } from '../recording/recording.ts';

/** What can be drawn: a recording, its text, or the result or the error of `marbles`. */
export type Drawable = Recording | string | { readonly timelines: readonly MarbleTimeline[] };

/** A signal on a lane. */
export interface LaneSignal {
  /** Its place among the signals of all lanes. */
  readonly order: number;
  readonly at: number;
  readonly kind: MarbleSignal['kind'];
  /** The bytes of `data`. */
  readonly bytes?: Uint8Array | undefined;
  /** How many bytes are in `data`, or were `sent`. */
  readonly size: number;
  /** More about it: the code and message of an error, the address of a name. */
  readonly words: string;
  /** How it differs from the line that it is compared with. */
  readonly wrong?: 'missing' | 'unexpected' | undefined;
}

/** A line of a picture. */
export interface Lane {
  readonly name: string;
  readonly line: LineName;
  readonly signals: readonly LaneSignal[];
}

/** The facts that pictures are drawn from. */
export interface Scene {
  /** Outbound lines first, from the application to the network, then inbound lines. */
  readonly lanes: readonly Lane[];
  /** The signals of all lanes in order, each with its lane. */
  readonly signals: readonly { readonly lane: Lane; readonly signal: LaneSignal }[];
  /** The recorded entries. Empty for `marbles`. */
  readonly entries: readonly RecordedEntry[];
  readonly cut: boolean;
  /** The time of the last signal, in ms. */
  readonly end: number;
}

const LINES = ['app', 'to wire', 'wire', 'to app'] as const;

/**
 * Reads what is to be drawn.
 *
 * @param caller name of the function with the argument, for the message.
 * @param content whether the bytes are shown, and not only how many they are.
 */
export function sceneOf(drawable: Drawable, caller: string, content: boolean): Scene {
  const facts = typeof drawable === 'string' ? parseRecording(drawable) : drawable;
  if (typeof facts !== 'object' || (facts as unknown) === null || !('timelines' in facts || 'entries' in facts))
    throw new TypeError(`expected a recording, its text, or a result of marbles for ${caller}, got ${asText(facts)}`);
  const scene = 'timelines' in facts ? sceneOfTimelines(facts.timelines) : sceneOfRecording(facts);
  return content ? scene : withoutBytes(scene);
}

function withoutBytes(scene: Scene): Scene {
  const lanes = scene.lanes.map((lane) => ({ ...lane, signals: lane.signals.map((signal) => ({ ...signal, bytes: undefined })) }));
  return { ...scene, lanes, signals: ordered(lanes) };
}

function sceneOfRecording({ entries, cut }: Recording): Scene {
  const drawn = entries.map(({ at, line, signal }, order) => ({ line, signal: { order, at, ...factsOf(signal) } }));
  const { hasApp, hasWire } = boundariesOf(entries);
  const isDrawn = (line: LineName): boolean => (line === 'app' || line === 'to app' ? hasApp : hasWire || !hasApp);
  const lanes = LINES.filter(isDrawn).map((line): Lane => {
    return { name: line, line, signals: drawn.flatMap((each) => (each.line === line ? [each.signal] : [])) };
  });
  return { lanes, signals: ordered(lanes), entries, cut, end: entries.at(-1)?.at ?? 0 };
}

/** Returns which boundaries were recorded: above the plugins, and below them. */
export function boundariesOf(entries: readonly RecordedEntry[]): { readonly hasApp: boolean; readonly hasWire: boolean } {
  const hasApp = entries.some(({ line }) => line === 'app' || line === 'to app');
  const hasWire = entries.some(({ line }) => line === 'wire' || line === 'to wire');
  return { hasApp, hasWire };
}

function factsOf(signal: RecordedSignal): Omit<LaneSignal, 'order' | 'at'> {
  const { kind } = signal;
  if (kind === 'data') return { kind, bytes: signal.bytes, size: signal.bytes.length, words: '' };
  if (kind === 'sent') return { kind, size: signal.bytes, words: '' };
  if (kind === 'error') return { kind, size: 0, words: `${signal.code ?? ''}: ${signal.message}` };
  if (kind === 'resolved') return { kind, size: 0, words: `${signal.host} is ${signal.ip}` };
  if (kind === 'connected') return { kind, size: 0, words: layerNames(signal.details).join(', ') };
  return { kind, size: 0, words: kind === 'end' && signal.truncated ? 'truncated' : '' };
}

function sceneOfTimelines(timelines: readonly MarbleTimeline[]): Scene {
  const inOrder = LINES.flatMap((line) => timelines.filter((each) => each.line === line));
  // Of one moment, the first signals of all lines come first: equal ones of two lines are then below each other.
  const ranked = inOrder.flatMap(({ signals }) =>
    signals.map((signal, index) => ({ signal, rank: index - signals.findIndex(({ at }) => at === signal.at) })),
  );
  const all = ranked.sort((a, b) => a.signal.at - b.signal.at || a.rank - b.rank).map(({ signal }) => signal);
  const orders = new Map(all.map((signal, order) => [signal, order]));
  const lanes = inOrder.map(({ line, role, signals }): Lane => {
    const drawn = signals.map((signal): LaneSignal => {
      const { at, kind, bytes, text, isMatched } = signal;
      const wrong = isMatched ? undefined : role === 'expected' ? 'missing' : 'unexpected';
      return {
        order: orders.get(signal) ?? 0,
        at,
        kind,
        bytes,
        size: bytes?.length ?? 0,
        words: kind === 'data' || text === `'${kind}'` ? '' : text,
        wrong,
      };
    });
    const isCompared = timelines.filter((each) => each.line === line).length > 1;
    return { name: isCompared ? `${line}, ${role}` : line, line, signals: drawn };
  });
  return { lanes, signals: ordered(lanes), entries: [], cut: false, end: all.at(-1)?.at ?? 0 };
}

function ordered(lanes: readonly Lane[]): Scene['signals'] {
  return lanes.flatMap((lane) => lane.signals.map((signal) => ({ lane, signal }))).sort((a, b) => a.signal.order - b.signal.order);
}

/** Whether signals on a line go to the peer. */
export function isOutbound(line: LineName): boolean {
  return line === 'app' || line === 'to wire';
}

/** The names of layers, nearest the application first. The last one is the wire. */
export function layerNames(details: readonly LayerDetails[]): string[] {
  return details.map(({ layer, wire }) => layer ?? (typeof wire === 'string' ? wire : 'a layer'));
}
