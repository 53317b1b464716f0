import { ownOptions } from '../../util/own-options.ts';
import { denseLane, binsOf } from './dense-lane.ts';
import { pausedSpans, unsentArea } from './flow-areas.ts';
import { formatBytes, formatCount, formatTime } from './format.ts';
import { boundariesOf, isOutbound, sceneOf, type Drawable, type Lane, type Scene } from './lanes.ts';
import * as size from './layout.ts';
import { layersOf, phasesOf, type PicturePhase } from './phases.ts';
import { markOf, sparseLane } from './sparse-lane.ts';
import { element, rect, text } from './svg.ts';
import { SVG_STYLE } from './svg-style.ts';
import { SYMBOLS } from './symbols.ts';
import { timeScale, type TimeScale } from './time-scale.ts';
import { escapeXml } from './escape-xml.ts';
import { waterfall } from './waterfall.ts';

/** The options of {@link toSvg}. */
export interface PictureOptions {
  /** The title of the picture. @default the name that was resolved, or what it is a picture of */
  readonly title?: string | undefined;
  /** The phases above the lanes, if you have measured them. @default those that the recording shows */
  readonly phases?: readonly PicturePhase[] | undefined;
  /** Whether bytes are shown, and not only how many they are. @default true */
  readonly content?: boolean | undefined;
}

const STRIP_HEIGHT = 18;
const HEAD_HEIGHT = 62;
const LEGEND_HEIGHT = 34;
/** The width from which a break has room for its length. */
const MIN_LABELLED_BREAK = 30;

/**
 * Draws a connection as an SVG: the lines of a marble test in time, and the phases of the connection above them.
 *
 * ```text
 *   connect   ███                         the phases
 *   transfer     ████████████████
 *   to wire      ▆   ▂      E             bytes, by their logarithm; pauses are hatched
 *                └──┐└─┐                  below: bytes that were written and not yet sent
 *   ≈≈≈≈≈≈≈≈≈≈≈≈ the layers ≈≈≈≈≈≈≈≈≈
 *   wire         C ▾   ▆ ▾      E |       ▾ sent; the letters are those of `marbles`
 * ```
 *
 * - Signals of one moment stand beside each other while there is room, and a long wait is drawn as a break. Otherwise time is linear.
 * - Of many signals, those at one place are joined to a bar. The size of the picture has a limit (about 200 KB).
 * - Light or dark as the reader prefers. It has a title and a description, and contains no script. All text is escaped.
 * - The result or the error of `marbles` is drawn with the lines that it expected: what differs is red.
 *
 * **A picture shows the start of bytes**, also of passwords. `content: false` shows only how many they are.
 *
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import { record, toSvg } from 'rxjs-io-stream/testing';
 *
 * export const drawn = record({ sink: (recording) => writeFileSync('connection.svg', toSvg(recording)) });
 * ```
 *
 * @param drawable a recording, its text, or what `marbles` returned or threw.
 * @param options the title, measured phases, and whether bytes are shown.
 * @returns the SVG, 960 px wide.
 * @throws TypeError if `drawable` cannot be drawn, or an option is invalid.
 * @see {@link toHtml}, {@link toMermaid}, {@link record}, docs/guides/pictures.md.
 */
export function toSvg(drawable: Drawable, options: PictureOptions = {}): string {
  const own = ownOptions(options, 'toSvg', ['title', 'phases', 'content']);
  return drawScene(sceneOf(drawable, 'toSvg', own.content ?? true), own).svg;
}

/** A drawn scene, and where its signals are. */
export interface Drawn {
  readonly svg: string;
  readonly scale: TimeScale;
  readonly title: string;
}

/** Draws a scene. */
export function drawScene(scene: Scene, { title, phases = phasesOf(scene.entries) }: PictureOptions): Drawn {
  const until = phases.reduce((latest, { to }) => Math.max(latest, to), scene.end);
  const scale = timeScale(scene, size.PLOT_LEFT, size.PLOT_WIDTH, until);
  const falls = waterfall(phases, HEAD_HEIGHT, scale);
  const lanes = drawLanes(scene, HEAD_HEIGHT + falls.height + 18, scale);
  const height = lanes.bottom + LEGEND_HEIGHT;
  const name = title ?? titleOf(scene);
  const summary = summaryOf(scene);
  const axisTop = HEAD_HEIGHT + falls.height;
  const body = [
    `<title>${escapeXml(name)}</title><desc>${escapeXml(`${summary}. ${wordsOf(phases)}`)}</desc>`,
    `<style>${SVG_STYLE}</style>`,
    '<defs><pattern id="paused" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>',
    rect('panel', { x: 0.5, y: 0.5, width: size.WIDTH - 1, height: height - 1, rx: 10 }),
    text('title', size.MARGIN, 32, shorten(name, 90)),
    text('dim', size.MARGIN, 50, shorten(summary, 130)),
    gridOf(scale, HEAD_HEIGHT - 2, axisTop, lanes.bottom),
    falls.body,
    lanes.body,
    legendOf(scene, scale, lanes.bottom + 22),
  ];
  const svg = element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${size.WIDTH} ${height}`, width: size.WIDTH, height, role: 'img' },
    `\n${body.join('\n')}\n`,
  );
  return { svg: `${svg}\n`, scale, title: name };
}

function drawLanes(scene: Scene, start: number, scale: TimeScale): { readonly bottom: number; readonly body: string } {
  const largest = largestOf(scene, scale);
  const layers = layersOf(scene.entries);
  const { hasWire } = boundariesOf(scene.entries);
  let top = start;
  const parts = scene.lanes.map((lane, index) => {
    const y = top + size.BASELINE;
    const unsent = unsentArea(lane, scene, top, scale);
    const bytes = lane.signals.reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.size : 0), 0);
    const drawn = [
      text('name', size.MARGIN, y - 2, `${isOutbound(lane.line) ? '▸' : '◂'} ${lane.name}`),
      pausedSpans(lane, scene, top, scale),
      unsent?.path ?? '',
      element('path', { class: 'base', d: `M${size.PLOT_LEFT} ${y}.5H${size.PLOT_RIGHT}` }),
      scale.isSparse ? sparseLane(lane, top, scale, largest) : denseLane(lane, top, scale, largest, markOf),
      bytes > 0 ? text('total', size.PLOT_RIGHT + 28, y - 2, formatBytes(bytes)) : '',
      unsent ? text('total', size.PLOT_RIGHT + 28, y + 13, `≤ ${formatBytes(unsent.peak)}`) : '',
    ];
    top += size.LANE_HEIGHT;
    const next = scene.lanes[index + 1];
    if (!next || next.line === lane.line) return drawn.join('');
    const isNetwork = lane.line === 'to wire' || lane.line === 'app' ? next.line === 'wire' || next.line === 'to app' : false;
    // Without the lanes of the wire, all layers are between the two of the application.
    drawn.push(stripOf(isNetwork, isNetwork && hasWire ? layers.below : layers.plugin, top));
    top += STRIP_HEIGHT;
    return drawn.join('');
  });
  return { bottom: top, body: parts.join('\n') };
}

/** Draws what lies between two lanes: the plugin, or the layers below it with the network. */
function stripOf(isNetwork: boolean, layers: readonly string[], top: number): string {
  const names = layers.length > 0 ? layers.join(' ⇄ ') : isNetwork ? 'network' : 'plugin';
  const box = { x: size.PLOT_LEFT, y: top, width: size.PLOT_WIDTH, height: STRIP_HEIGHT - 2, rx: 4 };
  return (
    rect(isNetwork ? 'strip net' : 'strip', box) +
    text('strip-text mid', size.PLOT_LEFT + size.PLOT_WIDTH / 2, top + 12, shorten(names, 100))
  );
}

/** Returns the most bytes that one bar stands for. */
function largestOf({ lanes }: Scene, scale: TimeScale): number {
  const sizes = (lane: Lane): number[] =>
    scale.isSparse
      ? lane.signals.map(({ kind, size: bytes }) => (kind === 'data' ? bytes : 0))
      : [...binsOf(lane, scale).values()].map(({ bytes }) => bytes);
  return Math.max(1, ...lanes.flatMap(sizes));
}

function gridOf({ ticks, breaks }: TimeScale, top: number, axis: number, bottom: number): string {
  const waits = breaks.map(({ from, to, label }) => {
    const middle = (from + to) / 2;
    const line = element('path', { class: 'break-line', d: `M${from.toFixed(1)} ${top}V${bottom}M${to.toFixed(1)} ${top}V${bottom}` });
    return (
      rect('break', { x: from, y: top, width: to - from, height: bottom - top }, `a wait of ${label}`) +
      line +
      (to - from < MIN_LABELLED_BREAK ? '' : text('tick mid', middle, bottom - 3, label))
    );
  });
  const lines = ticks.map(({ x, label }) => {
    return element('path', { class: 'grid', d: `M${x.toFixed(1)} ${top}V${bottom}` }) + text('tick mid', x, axis + 4, label);
  });
  return waits.join('') + lines.join('');
}

function legendOf({ lanes }: Scene, { isSparse }: TimeScale, y: number): string {
  const kinds = new Set(lanes.flatMap(({ signals }) => signals.map(({ kind }) => kind)));
  const named = Object.entries(SYMBOLS).flatMap(([kind, [symbol, name]]) =>
    kinds.has(kind as 'end') && (isSparse || !['pause', 'resume'].includes(kind)) ? [`${symbol} ${name}`] : [],
  );
  const words = [
    ...(kinds.has('data') ? ['bars: bytes'] : []),
    ...(kinds.has('pause') ? ['hatched: paused'] : []),
    ...(kinds.has('sent') ? [`${isSparse ? '▾ sent; ' : ''}below the line: not yet sent`] : []),
    ...named,
  ];
  return text('legend dim', size.PLOT_LEFT, y, words.join(' · '));
}

function titleOf({ entries }: Scene): string {
  if (entries.length === 0) return 'A run of marbles';
  const found = entries.find(({ signal }) => signal.kind === 'resolved');
  return found?.signal.kind === 'resolved' ? `A connection to ${found.signal.host}` : 'A connection';
}

function summaryOf({ signals, lanes, end, cut }: Scene): string {
  const wrong = signals.filter(({ signal }) => signal.wrong !== undefined).length;
  const bytes = (...lines: readonly string[]): number => {
    const lane = lanes.find(({ line }) => lines.includes(line));
    return lane?.signals.reduce((sum, signal) => sum + (signal.kind === 'data' ? signal.size : 0), 0) ?? 0;
  };
  const inbound = lanes.some(({ line }) => line === 'to app') ? bytes('to app') : bytes('wire');
  const facts = [
    `${formatCount(signals.length, 'signal')} in ${formatTime(end)}`,
    `${formatBytes(bytes('app', 'to wire'))} out, ${formatBytes(inbound)} in`,
    ...(wrong > 0 ? [`${wrong} ${wrong === 1 ? 'differs' : 'differ'} from the diagram`] : []),
    ...(cut ? ['cut: the recording reached its limit'] : []),
  ];
  return facts.join(' · ');
}

function wordsOf(phases: readonly PicturePhase[]): string {
  return phases.map(({ name, from, to, isFailed }) => `${name} ${formatTime(to - from)}${isFailed ? ', failed' : ''}`).join('; ');
}

function shorten(words: string, length: number): string {
  return words.length > length ? `${words.slice(0, length - 1)}…` : words;
}
