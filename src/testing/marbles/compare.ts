import { sameBytes } from '../bytes.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import type { Line } from './diagram.ts';
import { draw, type Row } from './draw.ts';
import { hexDiff } from './hex-diff.ts';
import { describeMark, type LineName, type Mark, type Moment } from './mark.ts';
import { textOf } from './symbols.ts';
import { matchedMoments, timelineOf, type MarbleTimeline } from './timelines.ts';

/** The expected and the actual signals of a run. */
export interface Comparison {
  readonly lines: ReadonlyMap<LineName, Line>;
  readonly actual: Readonly<Record<'to wire' | 'to app', readonly Moment[]>>;
  readonly values: ReadonlyMap<string, Mark>;
  /** Compare chunk by chunk, without joining. */
  readonly exact: boolean;
  /** When the application subscribes. A dial of the wire in this frame need not be drawn. */
  readonly start: number;
  readonly end: number;
  /** Called before a difference is thrown; returns a line for the message. */
  readonly onDifference?: ((difference: string, timelines: readonly MarbleTimeline[]) => string | undefined) | undefined;
}

interface Difference {
  readonly name: 'to wire' | 'to app';
  readonly expected: Moment | undefined;
  readonly actual: Moment | undefined;
  readonly frame: number;
}

const RECEIVER = { 'to wire': 'the wire', 'to app': 'the application' };

/** Returns the timelines of a run; throws an error with them if the run differs from the diagram. */
export function compare(comparison: Comparison): readonly MarbleTimeline[] {
  const { lines, exact, start, values } = comparison;
  const shown: Row[] = [];
  const differences: (Difference & { readonly row: number })[] = [];
  const timelines: MarbleTimeline[] = [];
  for (const name of ['app', 'wire'] as const) {
    const line = lines.get(name);
    if (!line) continue;
    shown.push({ label: name, moments: line.moments });
    timelines.push(timelineOf(name, 'played', line.moments));
  }
  for (const name of ['to wire', 'to app'] as const) {
    const line = lines.get(name);
    const expected = normalize(line?.moments ?? [], exact, start);
    const actual = labelled(normalize(comparison.actual[name], exact, start), expected, name, values);
    if (!line) {
      timelines.push(timelineOf(name, 'actual', actual));
      continue;
    }
    const matched = matchedMoments(expected, actual, sameMark);
    const isMatched = (moment: Moment): boolean => matched.has(moment);
    timelines.push(timelineOf(name, 'expected', expected, isMatched), timelineOf(name, 'actual', actual, isMatched));
    const difference = firstDifference(name, expected, actual);
    if (difference) {
      shown.push({ label: `${name}, expected`, moments: expected }, { label: `${name}, actual`, moments: actual });
      differences.push({ ...difference, row: shown.length });
    } else shown.push({ label: name, moments: expected });
  }
  const first = differences.sort((a, b) => a.frame - b.frame)[0];
  if (!first) return timelines;
  const drawing = draw(shown, comparison.end);
  const marked = drawing.rows.toSpliced(first.row, 0, `${' '.repeat(drawing.column(first.frame))}^`);
  const note = comparison.onDifference?.(describe(first), timelines);
  const last = note === undefined ? [] : ['', `  ${note}`];
  const error = new Error([describe(first), '', ...marked.map((row) => `  ${row}`), ...diffOf(first), ...last].join('\n'));
  // Not enumerable: test runners print the enumerable fields of an error, and the message shows the timelines already.
  throw Object.defineProperty(error, 'timelines', { value: timelines });
}

/** Joins the `data` and `sent` of one frame; drops empty chunks and the dial in the first frame. */
function normalize(moments: readonly Moment[], exact: boolean, start: number): Moment[] {
  const normalized: Moment[] = [];
  let isDialled = false;
  for (const moment of moments) {
    const { frame, mark, text } = moment;
    const last = normalized.at(-1);
    if (mark.kind === 'subscribed' && frame === start && !isDialled) isDialled = true;
    else if (!exact && mark.kind === 'data' && mark.bytes.length === 0) continue;
    else if (!exact && last?.frame === frame && last.mark.kind === 'data' && mark.kind === 'data') {
      const bytes = concatBytes([last.mark.bytes, mark.bytes]);
      normalized.splice(-1, 1, { frame, text: last.text + text, mark: { kind: 'data', bytes } });
    } else if (!exact && last?.frame === frame && last.mark.kind === 'sent' && mark.kind === 'sent') {
      const bytes = last.mark.bytes === undefined || mark.bytes === undefined ? undefined : last.mark.bytes + mark.bytes;
      normalized.splice(-1, 1, { frame, text: last.text + text, mark: { ...mark, bytes } });
    } else normalized.push(moment);
  }
  return normalized;
}

/** Labels the actual signals with letters of the diagram: those of the expected signal if equal, otherwise those of an equal value. */
function labelled(actual: readonly Moment[], expected: readonly Moment[], name: LineName, values: Comparison['values']): Moment[] {
  return actual.map((moment, at) => {
    const wanted = expected[at];
    const text = wanted && sameMark(wanted.mark, moment.mark) ? wanted.text : textOf(moment.mark, name, values, sameMark);
    return { ...moment, text };
  });
}

function firstDifference(name: Difference['name'], expected: readonly Moment[], actual: readonly Moment[]): Difference | undefined {
  for (let at = 0; at < Math.max(expected.length, actual.length); at += 1) {
    const [wanted, got] = [expected[at], actual[at]];
    if (wanted?.frame === got?.frame && wanted && got && sameMark(wanted.mark, got.mark)) continue;
    return { name, expected: wanted, actual: got, frame: Math.min(wanted?.frame ?? Infinity, got?.frame ?? Infinity) };
  }
  return undefined;
}

/** Whether an actual signal matches the drawn one. */
export function sameMark(wanted: Mark, got: Mark): boolean {
  if (wanted.kind === 'data') return got.kind === 'data' && sameBytes(wanted.bytes, got.bytes);
  if (wanted.kind === 'error') return got.kind === 'error' && wanted.code === got.code;
  if (wanted.kind === 'end') return got.kind === 'end' && wanted.truncated === got.truncated;
  if (wanted.kind === 'sent') return got.kind === 'sent' && (wanted.bytes === undefined ? got.all === true : wanted.bytes === got.bytes);
  return wanted.kind === got.kind;
}

function describe({ name, expected, actual }: Difference): string {
  const at = (moment: Moment): string => `${describeMark(moment.mark)} at ${moment.frame} ms`;
  const wanted = expected ? at(expected) : 'nothing more';
  const got = actual ? at(actual) : 'nothing';
  return `expected ${wanted} to reach ${RECEIVER[name]}, got ${got}`;
}

function diffOf({ expected, actual }: Difference): string[] {
  if (expected?.mark.kind !== 'data' || actual?.mark.kind !== 'data' || sameMark(expected.mark, actual.mark)) return [];
  return ['', hexDiff(expected.mark.bytes, actual.mark.bytes).replace(/^/gm, '  ')];
}
