import type { MarbleSignal, MarbleTimeline } from 'rxjs-io-stream/testing';
import { svg } from './dom.ts';

/** Pixels. */
const ROW = 58;
const SIZE = 26;
const TOP = 22;
const LEFT = 8;
/** Longer gaps are drawn shorter, with their length. */
const MAX_GAP = 12;
const GAP_SIZE = 70;

const ORDER = ['app', 'to wire', 'wire', 'to app'] as const;
const DIRECTION = {
  app: 'application → plugin',
  'to wire': 'plugin → wire',
  wire: 'wire → plugin',
  'to app': 'plugin → application',
};

/** Returns the timelines in the order of a diagram. */
export function inOrder(timelines: readonly MarbleTimeline[]): MarbleTimeline[] {
  return ORDER.flatMap((line) => timelines.filter((each) => each.line === line));
}

/** Returns the time of the first signal that differs, if any. */
export function firstDifference(timelines: readonly MarbleTimeline[]): number | undefined {
  const times = timelines.flatMap(({ signals }) => signals.filter(({ isMatched }) => !isMatched).map(({ at }) => at));
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Draws timelines with a common scale. @param width pixels that are there; a long run is wider. */
export function drawTimelines(timelines: readonly MarbleTimeline[], width: number): SVGElement {
  const rows = inOrder(timelines);
  const { columns, end, gaps } = layOut(rows, width);
  const height = TOP + rows.length * ROW;
  const first = firstDifference(rows);
  const at = first === undefined ? undefined : columns.get(first);
  const difference = at ? [svg('rect', { class: 'difference', x: at.x - 3, y: 0, width: at.width + 6, height, rx: 4 })] : [];
  const guides = [...columns].flatMap(([time, { x }]) => [
    svg('line', { class: 'guide', x1: x + SIZE / 2, x2: x + SIZE / 2, y1: TOP - 4, y2: height }),
    svg('text', { class: 'muted', x: x + SIZE / 2, y: 12, 'text-anchor': 'middle' }, String(time)),
  ]);
  const drawn = rows.map((row, index) => drawRow(row, TOP + index * ROW, columns, end, gaps));
  const label = `${rows.length} timelines; the signals are listed below`;
  return svg(
    'svg',
    { role: 'img', 'aria-label': label, width: end, height, viewBox: `0 0 ${end} ${height}` },
    ...difference,
    ...guides,
    ...drawn,
  );
}

interface Column {
  readonly x: number;
  readonly width: number;
}

interface Layout {
  readonly columns: ReadonlyMap<number, Column>;
  /** The long gaps: the middle, and the text. */
  readonly gaps: readonly { readonly x: number; readonly text: string }[];
  readonly end: number;
}

/** Places the frames that have signals: to scale, but never one on another. */
function layOut(rows: readonly MarbleTimeline[], width: number): Layout {
  const counts = new Map<number, number>();
  for (const { signals } of rows) {
    const inRow = new Map<number, number>();
    for (const signal of signals) {
      const count = (inRow.get(signal.at) ?? 0) + sizeOf(signal);
      inRow.set(signal.at, count);
      counts.set(signal.at, Math.max(counts.get(signal.at) ?? 0, count));
    }
  }
  const times = [...counts.keys()].sort((a, b) => a - b);
  const unit = Math.max(14, Math.min(44, (width - 60) / ((times.at(-1) ?? 1) + 1)));
  const columns = new Map<number, Column>();
  const gaps: { x: number; text: string }[] = [];
  let x = LEFT;
  let last = 0;
  for (const time of times) {
    const gap = time - last;
    const before = columns.get(last);
    const room = before ? before.width + 4 : 0;
    if (gap > MAX_GAP) gaps.push({ x: x + room + (GAP_SIZE - SIZE) / 2, text: `${gap} ms` });
    x += Math.max(room, gap > MAX_GAP ? room + GAP_SIZE : gap * unit);
    columns.set(time, { x, width: (counts.get(time) ?? 1) * SIZE });
    last = time;
  }
  return { columns, gaps, end: Math.max(x + (columns.get(last)?.width ?? 0) + 30, Math.min(width, 200)) };
}

/** The width of a signal in columns: the code of an error is drawn, too. */
function sizeOf({ symbol }: MarbleSignal): number {
  return symbol.startsWith('#') && symbol.length > 1 ? Math.ceil(1 + (symbol.length * 8) / SIZE) : 1;
}

function drawRow(
  { line, role, signals }: MarbleTimeline,
  y: number,
  columns: Layout['columns'],
  end: number,
  gaps: Layout['gaps'],
): SVGElement {
  const middle = y + 36;
  const used = new Map<number, number>();
  const marbles = signals.map((signal) => {
    const place = used.get(signal.at) ?? 0;
    used.set(signal.at, place + sizeOf(signal));
    return drawSignal(signal, role, (columns.get(signal.at)?.x ?? 0) + place * SIZE, middle);
  });
  const name = svg('tspan', { class: 'name' }, role === 'played' ? line : `${line}, ${role}`);
  return svg(
    'g',
    {},
    svg('text', { class: 'muted', x: LEFT, y: y + 14 }, name, `  ${role === 'actual' ? '' : DIRECTION[line]}`),
    svg('line', { class: 'axis', x1: LEFT, x2: end - 6, y1: middle, y2: middle }),
    ...gaps.map(({ x, text }) => svg('text', { class: 'muted', x, y: middle - 5, 'text-anchor': 'middle' }, text)),
    ...marbles,
  );
}

function drawSignal(
  { at, symbol, text, bytes, isMatched }: MarbleSignal,
  role: MarbleTimeline['role'],
  x: number,
  middle: number,
): SVGElement {
  const centre = x + SIZE / 2;
  const kind = isMatched ? '' : role === 'expected' ? 'missing' : 'unexpected';
  const isError = symbol.startsWith('#');
  const shape = bytes
    ? svg('circle', { class: 'shape data', cx: centre, cy: middle, r: SIZE / 2 - 1.5 })
    : svg('rect', { class: 'shape', x: x + 2, y: middle - 11, width: SIZE - 4, height: 22, rx: 4 });
  // Not an attribute: the page allows no styles but those of its file.
  if (bytes) shape.style.setProperty('--hue', String(hueOf(bytes)));
  return svg(
    'g',
    { class: kind },
    svg('title', {}, `${at} ms: ${text}${isMatched ? '' : `, ${kind}`}`),
    shape,
    svg('text', { class: 'glyph', x: centre, y: middle + 5 }, isError ? '#' : symbol.length > 2 ? `${symbol.slice(0, 1)}…` : symbol),
    ...(isError ? [svg('text', { x: x + SIZE + 2, y: middle + 5 }, symbol.slice(1))] : []),
    ...(isMatched ? [] : [svg('text', { class: 'badge', x: x + SIZE - 5, y: middle + 17 }, '≠')]),
  );
}

/** The same colour for the same bytes. */
function hueOf(bytes: Uint8Array): number {
  return (bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7) * 47) % 360;
}
