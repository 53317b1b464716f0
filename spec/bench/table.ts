import { MAX_SPREAD, type Line } from './line.ts';
import { TUNED } from './processes.ts';
import type { Spread } from './stats.ts';

const HEAD = ['row', 'median (min–max)', 'by CPU', 'asked', 'verdict', 'CPU: ours', 'against', 'ours', 'against'];

/** The lines below a table. */
export const LEGEND: readonly string[] = [
  'median: ours to the other in units per second, more is better; of memory, the bytes added. By CPU: in units per second of CPU, user and system.',
  `Rates are judged by the wall clock, or by CPU if the wall clock's ratios spread over more than ${MAX_SPREAD * 100} %. The verdict names which.`,
];

/** Formats lines as a text table. */
export function textTable(lines: readonly Line[]): string {
  const cells = [HEAD, ...lines.map(cellsOf)];
  const widths = HEAD.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const rows = cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const tuned = `memory tuned: ${Object.entries(TUNED.env)
    .map((pair) => pair.join('='))
    .join(' ')} node ${TUNED.flags.join(' ')}`;
  return [...rows, '', ...LEGEND, ...(lines.some((line) => line.tuned) ? [tuned] : [])].join('\n');
}

/** Formats lines as a Markdown table. */
export function markdownTable(lines: readonly Line[]): string {
  return [HEAD, HEAD.map(() => '---'), ...lines.map(cellsOf)].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cellsOf(line: Line): string[] {
  const { figure, comparison, cpuRatio, values, names, cpu, unit, verdict, judgedBy } = line;
  const isRatio = figure.compare === 'ratio';
  const show = isRatio ? threeDigits : short;
  const asked = figure.asked === undefined ? '–' : `${isRatio ? '≥' : '≤'} ${figure.asked}`;
  return [
    `${line.title}${line.tuned ? ', memory tuned' : ''}`,
    formatSpread(comparison, show),
    judgedBy === 'value' ? '–' : formatSpread(cpuRatio, threeDigits),
    asked,
    verdict === '' ? '–' : judgedBy === 'value' ? verdict : `${verdict}, ${judgedBy}`,
    `${short(cpu[0])} µs/${unit}`,
    `${short(cpu[1])} µs/${unit}`,
    `${short(values[0])} ${figure.unit}`,
    `${short(values[1])} ${figure.unit} (${names[1]})`,
  ];
}

function formatSpread({ median, min, max }: Spread, show: (value: number) => string): string {
  return min === max ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}

function threeDigits(value: number): string {
  return value.toFixed(3);
}

function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return size >= 100 ? value.toFixed(0) : value.toFixed(size >= 10 ? 1 : 2);
}
