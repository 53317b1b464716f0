import { formatBytes, formatCount } from '../support/format.ts';
import { bar, cut, paint, type Look } from '../support/terminal.ts';

/** One layer at one moment. */
export interface Row {
  readonly label: string;
  readonly isConnected: boolean;
  /** What the layer reported when it was connected. */
  readonly fact: string;
  /** Bytes a second while the transfer runs; at its end, bytes in all. */
  readonly out: number;
  readonly in: number;
  /** Bytes that the layer had and the kernel had not taken, at their most since the last frame; at the end of the transfer, at their most. */
  readonly unsent: number;
}

/** The transfer at one moment. */
export interface Frame {
  /** The layers, nearest the application first. */
  readonly rows: readonly Row[];
  /** The share that is back, from 0 to 1. Undefined at the end, when the rows have totals. */
  readonly share: number | undefined;
}

const MARKS = {
  unicode: { waiting: '○', connecting: '◐', connected: '●' },
  ascii: { waiting: '.', connecting: 'o', connected: '*' },
} as const;
const STYLES = { waiting: 'gray', connecting: 'yellow', connected: 'green' } as const;
/** The gap between columns, and the least width of the last one. */
const GAP = 2;
const MIN_FACT = 12;

/**
 * Draws the stack: a line for each layer, with its handshake, its rates and its queue.
 *
 * ```text
 *   layer             out            in      unsent
 * ● file       38.2 MiB/s    37.9 MiB/s    64.0 KiB  64.0 MiB
 * ◐ TLS
 * ● CONNECT                                          200 Connection established
 * ```
 *
 * Leaves out the last columns where the terminal is narrow. No line is longer than `look.columns`.
 */
export function render({ rows, share }: Frame, look: Look): string {
  const amount = (bytes: number): string => (share === undefined ? formatCount(bytes) : `${formatBytes(bytes)}/s`);
  const label = Math.max(...rows.map((row) => row.label.length), 'layer'.length);
  const [columns, room] = fitting(look.columns - GAP - label, [
    { title: 'out', width: 14, text: (row) => amount(row.out) },
    { title: 'in', width: 14, text: (row) => amount(row.in) },
    { title: 'unsent', width: 12, text: (row) => formatBytes(row.unsent) },
  ]);
  const figures = (text: (column: Column) => string): string => columns.map((column) => text(column).padStart(column.width)).join('');
  const header = `  ${'layer'.padEnd(label)}${figures(({ title }) => title)}`;
  const lines = rows.map((row, index) => {
    const below = rows[index + 1];
    const state = row.isConnected ? 'connected' : (below?.isConnected ?? true) ? 'connecting' : 'waiting';
    const mark = paint(STYLES[state], MARKS[look.unicode ? 'unicode' : 'ascii'][state], look);
    const name = paint(row.isConnected ? 'bold' : STYLES[state], cut(row.label.padEnd(label), look.columns - GAP, look), look);
    if (!row.isConnected) return `${mark} ${name}`;
    const fact = room < MIN_FACT ? '' : ' '.repeat(GAP) + paint('gray', cut(row.fact, room - GAP, look), look);
    return `${mark} ${name}${figures(({ text }) => text(row))}${fact}`;
  });
  return [paint('gray', cut(header, look.columns, look), look), ...lines, ...progress(share, look)].join('\n');
}

interface Column {
  readonly title: string;
  /** With the gap before it. */
  readonly width: number;
  readonly text: (row: Row) => string;
}

/** Returns the first columns that fit, and the room that remains. */
function fitting(room: number, columns: readonly Column[]): readonly [Column[], number] {
  const [column, ...others] = columns;
  if (!column || column.width > room) return [[], columns.length > 0 ? 0 : room];
  const [fit, remaining] = fitting(room - column.width, others);
  return [[column, ...fit], remaining];
}

function progress(share: number | undefined, look: Look): string[] {
  if (share === undefined) return [];
  const percent = `${Math.floor(share * 100)}%`.padStart(5);
  return [paint('green', bar(share, Math.max(look.columns - percent.length, 0), look), look) + percent];
}
