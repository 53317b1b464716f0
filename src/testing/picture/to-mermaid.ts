import { ownOptions } from '../../util/own-options.ts';
import { describeSignal } from './describe-signal.ts';
import { formatBytes, formatCount, formatTime } from './format.ts';
import { sceneOf, type Drawable, type LaneSignal, type Scene } from './lanes.ts';
import { layersOf } from './phases.ts';
import type { PictureOptions } from './to-svg.ts';

/** Signals that are joined into one arrow: many `data` or `sent` of a line, one after the other. */
interface Run {
  readonly line: string;
  readonly first: LaneSignal;
  count: number;
  size: number;
}

/** The most arrows of a diagram, before and after the note that counts the missing ones. */
const MAX_FIRST = 40;
const MAX_LAST = 20;
/** From whom to whom the signals of a line go, without and with a plugin between. */
const ROUTES: Readonly<Record<string, readonly [from: string, to: string]>> = {
  app: ['app', 'plugin'],
  'to wire': ['plugin', 'net'],
  wire: ['net', 'plugin'],
  'to app': ['plugin', 'app'],
};
const ARROWS: Readonly<Partial<Record<LaneSignal['kind'], string>>> = {
  sent: '-->>',
  pause: '-->>',
  resume: '-->>',
  error: '-x',
  unsubscribed: '-x',
};

/**
 * Draws a connection as a sequence diagram of Mermaid, for an issue or a README: GitHub and GitLab draw it from its text.
 *
 * ````text
 *   ```mermaid
 *   sequenceDiagram
 *     participant app as application
 *     participant net as tcp
 *     net->>app: 3 ms: connected
 *     app->>net: 3 ms: data, 6 bytes: KNOCK↵
 *   ```
 * ````
 *
 * - `data` or `sent` of one line that follow each other are one arrow.
 * - A diagram has at most 60 arrows: the first 40 and the last 20. A note between them counts the rest.
 * - What has a meaning in Mermaid is escaped, so that no byte of the peer changes the diagram.
 *
 * **A diagram shows the start of bytes**, also of passwords. `content: false` shows only how many they are.
 *
 * ```ts
 * import { record, toMermaid } from 'rxjs-io-stream/testing';
 *
 * export const drawn = record({ sink: (recording) => console.log(toMermaid(recording)) });
 * ```
 *
 * @param drawable a recording, its text, or what `marbles` returned or threw.
 * @param options whether bytes are shown.
 * @returns the diagram, without the fence of Markdown.
 * @throws TypeError if `drawable` cannot be drawn.
 * @see {@link toSvg}, {@link toHtml}, {@link record}, docs/guides/pictures.md.
 */
export function toMermaid(drawable: Drawable, options: Pick<PictureOptions, 'content'> = {}): string {
  const { content = true } = ownOptions(options, 'toMermaid', ['content']);
  const scene = sceneOf(drawable, 'toMermaid', content);
  const { plugin, below } = layersOf(scene.entries);
  const hasApp = scene.lanes.some(({ line }) => line === 'app' || line === 'to app');
  const names = { app: 'application', ...(hasApp ? { plugin: plugin.join(', ') || 'plugin' } : {}), net: below.join(', ') || 'network' };
  const runs = runsOf(scene);
  const missing = runs.slice(MAX_FIRST, -MAX_LAST);
  const drawn =
    missing.length === 0
      ? runs.map((run) => arrowOf(run, hasApp))
      : [
          ...runs.slice(0, MAX_FIRST).map((run) => arrowOf(run, hasApp)),
          `Note over app,net: … ${escape(restOf(missing))} …`,
          ...runs.slice(-MAX_LAST).map((run) => arrowOf(run, hasApp)),
        ];
  const participants = Object.entries(names).map(([id, name]) => `participant ${id} as ${escape(name.slice(0, 60))}`);
  const end = scene.cut ? ['Note over app,net: cut here: the recording reached its limit'] : [];
  return ['sequenceDiagram', ...participants, ...drawn, ...end].join('\n  ') + '\n';
}

function runsOf({ signals }: Scene): Run[] {
  const runs: Run[] = [];
  for (const { lane, signal } of signals) {
    // Of a line that was compared, the actual signals and those that are missing.
    if (lane.name.endsWith(', expected') && signal.wrong === undefined) continue;
    const last = runs.at(-1);
    const isSame = last?.line === lane.line && last.first.kind === signal.kind && last.first.wrong === signal.wrong;
    if (isSame && (signal.kind === 'data' || signal.kind === 'sent')) {
      last.count += 1;
      last.size += signal.size;
    } else runs.push({ line: lane.line, first: signal, count: 1, size: signal.size });
  }
  return runs;
}

function arrowOf({ line, first, count, size }: Run, hasApp: boolean): string {
  const [from = '', to = ''] = (ROUTES[line] ?? []).map((place) => (place === 'plugin' && !hasApp ? 'app' : place));
  const words = count > 1 ? `${count} × ${first.kind}, ${formatBytes(size)}` : describeSignal(first);
  const wrong = first.wrong === undefined ? '' : ` (${first.wrong})`;
  return `${from}${ARROWS[first.kind] ?? '->>'}${to}: ${escape(`${formatTime(first.at)}: ${words}${wrong}`)}`;
}

function restOf(runs: readonly Run[]): string {
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  const bytes = runs.reduce((sum, { first, size }) => sum + (first.kind === 'data' ? size : 0), 0);
  return `${formatCount(count, 'more signal')}, ${formatBytes(bytes)}`;
}

/** Escapes all but letters, digits and harmless punctuation, as Mermaid wants it: `#59;` is a semicolon. */
function escape(text: string): string {
  // eslint-disable-next-line no-control-regex -- they end a line, or are not printable
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return line.replace(/[^\p{L}\p{N} .,:?'()/×…↵·-]/gu, (char) => `#${char.codePointAt(0) ?? 0};`);
}
