import type { Line } from './line.ts';

/** The lines of the README's table, by title, in its order. All lines are in docs/guides/performance.md. */
const TITLES: readonly string[] = [
  'receive, 64 KiB chunks',
  'send, 64 KiB chunks, write()',
  'bulk echo, 1 connection',
  '64-byte writes, 100 a tick',
  'ping-pong of 64 bytes',
  'connect–echo–close, 100 at a time',
  'accepted by listen, echo, close, 100 at a time',
  'idle client, data$, RSS',
  'TLS receive, 64 KiB chunks',
  'TLS send, 64 KiB chunks',
  'TLS handshakes, client, new',
  'lines of 100 bytes',
  'redis, 100 commands pipelined',
];

/** Formats the lines for the README: the ratio by CPU, or the bytes added, and what it is compared with. */
export function summaryTable(lines: readonly Line[]): string {
  const rows = TITLES.flatMap((title) => lines.filter((line) => line.title === title && !line.tuned));
  return ['| work | ours to the other, by CPU | the other |', '| --- | --- | --- |', ...rows.map(rowOf)].join('\n');
}

function rowOf({ title, figure, comparison, cpuRatio, names }: Line): string {
  const value = figure.compare === 'ratio' ? cpuRatio.median.toFixed(2) : `+${(comparison.median / 1024).toFixed(1)} KiB`;
  return `| ${title} | ${value} | ${names[1]} |`;
}
