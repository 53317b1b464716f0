import type { Line } from './measure.ts';

const HEAD = ['row', 'memory', 'median (min–max)', 'asked', 'verdict', 'CPU', 'ours', 'against', 'faults', 'per user-CPU-s'];

/** Formats lines as a text table. */
export function table(lines: readonly Line[]): string {
  const cells = [HEAD, ...lines.map(cellsOf)];
  const widths = HEAD.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(line: Line): string[] {
  const { figure, comparison, values, names, faults, perUserSecond, unit } = line;
  const show = figure.compare === 'ratio' ? (value: number): string => value.toFixed(3) : short;
  const asked = figure.asked === undefined ? '–' : `${figure.compare === 'ratio' ? '≥' : '≤'} ${figure.asked}`;
  return [
    line.title,
    line.tuned ? 'tuned' : 'as is',
    `${show(comparison.median)} (${show(comparison.min)}–${show(comparison.max)})`,
    asked,
    line.verdict,
    line.cpuRatio.toFixed(2),
    `${short(values[0])} ${figure.unit}`,
    `${short(values[1])} ${figure.unit} (${names[1]})`,
    `${short(faults[0])} / ${short(faults[1])}`,
    `${short(perUserSecond[0])} / ${short(perUserSecond[1])} ${unit}`,
  ];
}

function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return size >= 100 ? value.toFixed(0) : value.toFixed(size >= 10 ? 1 : 2);
}
