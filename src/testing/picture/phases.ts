import type { LayerDetails } from '../../wire/signal.ts';
import type { RecordedEntry, RecordedSignal } from '../recording/recording.ts';
import { boundariesOf, layerNames } from './lanes.ts';

/** A part of a connection's time, as a bar of the waterfall in a picture. */
export interface PicturePhase {
  /** What happens in it. */
  readonly name: string;
  /** When it starts, in ms. */
  readonly from: number;
  /** When it ends, in ms. */
  readonly to: number;
  /** Whether it ended by an error. @default false */
  readonly isFailed?: boolean | undefined;
}

/** The layers that a recording names: of the plugin that it was made around, and of what is below. */
export interface RecordedLayers {
  readonly plugin: readonly string[];
  readonly below: readonly string[];
}

/** Returns the names of the layers, as far as they were connected. */
export function layersOf(entries: readonly RecordedEntry[]): RecordedLayers {
  const below = detailsOf(entries, 'wire');
  const all = detailsOf(entries, 'to app');
  return { plugin: layerNames(all.slice(0, Math.max(0, all.length - below.length))), below: layerNames(below) };
}

function detailsOf(entries: readonly RecordedEntry[], line: 'wire' | 'to app'): readonly LayerDetails[] {
  const found = entries.find((entry) => entry.line === line && entry.signal.kind === 'connected');
  return found?.signal.kind === 'connected' ? found.signal.details : [];
}

/**
 * Returns the phases of a recording. Each starts where the one before it ends.
 *
 * ```text
 *   resolve      █                                the name has an address
 *   connect       ██                              the wire is connected
 *   handshake       ████                          the plugin is connected; only if it was recorded around one
 *   transfer            ██████████████            our side completes, both have ended, or an error
 *   close                             ██
 * ```
 *
 * A recording that starts in the middle of a connection has only the phases from then on.
 *
 * @param isOpen whether the connection was open when the recording started. @default what the signals show
 */
export function phasesOf(entries: readonly RecordedEntry[], isOpen = false): PicturePhase[] {
  const last = entries.at(-1);
  if (!last) return [];
  const { hasApp, hasWire } = boundariesOf(entries);
  const [down, up] = hasApp ? (['app', 'to app'] as const) : (['to wire', 'wire'] as const);
  const find = (line: string, kind: RecordedSignal['kind']): RecordedEntry | undefined =>
    entries.find((entry) => entry.line === line && entry.signal.kind === kind);
  const connected = find(up, 'connected');
  const wasOpen = isOpen || startsOpen(entries, down, up);
  const closing = connected || wasOpen ? closingOf(entries, down, up) : undefined;
  const { plugin } = layersOf(entries);
  const opening: readonly Step[] = [
    ['resolve', find('wire', 'resolved')],
    ...(hasWire && hasApp && startsOpen(entries, 'to wire', 'wire')
      ? []
      : ([['connect', hasWire ? find('wire', 'connected') : connected]] as const)),
    ...(hasWire && hasApp ? ([[plugin.length === 1 ? (plugin[0] ?? '') : 'handshakes', connected]] as const) : []),
  ];
  const steps: readonly Step[] = [
    ...(wasOpen ? [] : opening),
    ['transfer', closing],
    ['close', closing?.signal.kind === 'error' ? undefined : closing && last],
  ];
  const phases: PicturePhase[] = [];
  let from = 0;
  // Name resolution is optional: without it, connecting starts at once.
  for (const [name, end] of steps) {
    if (!end && (name === 'resolve' || name === 'close')) continue;
    const to = (end ?? last).at;
    phases.push({ name, from, to });
    from = to;
    if (!end) break;
  }
  const failed = entries.some(({ signal }) => signal.kind === 'error');
  return phases.map((phase, index) => (failed && index === phases.length - 1 ? { ...phase, isFailed: true } : phase));
}

/** A phase, and the signal that ends it. */
type Step = readonly [name: string, end: RecordedEntry | undefined];

/** Whether a boundary was connected before the recording started: its signals include what follows `connected`, but not `connected`. */
function startsOpen(entries: readonly RecordedEntry[], down: string, up: string): boolean {
  const kinds = (line: string): RecordedSignal['kind'][] => entries.flatMap((entry) => (entry.line === line ? [entry.signal.kind] : []));
  const first = kinds(up).find((kind) => kind === 'connected' || FLOW.has(kind));
  if (first !== undefined) return first !== 'connected';
  return kinds(down).includes('data') && !kinds(up).includes('error');
}

/** Inbound signals that only a connected layer emits. */
const FLOW: ReadonlySet<RecordedSignal['kind']> = new Set(['data', 'sent', 'end']);

/** Returns the signal after which nothing is transferred any more. */
function closingOf(entries: readonly RecordedEntry[], down: string, up: string): RecordedEntry | undefined {
  let ends = 0;
  return entries.find(({ line, signal: { kind } }) => {
    if (line !== down && line !== up) return false;
    if (kind === 'end') ends += 1;
    return kind === 'complete' || kind === 'error' || kind === 'unsubscribed' || ends === 2;
  });
}
