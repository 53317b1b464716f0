import { cut, paint, type Look } from '../support/terminal.ts';

/** A part of the time, in milliseconds since the start. */
export interface Phase {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The width of the figures at the end of a line. */
const FIGURES = 12;

/**
 * Draws phases in proportion to their time: the width of all is the end of the last one.
 *
 * ```text
 *   TCP     ██████                           8.8 ms
 *   SOCKS5        ██████                     8.3 ms
 *   TLS                 ███████████         15.2 ms
 * ```
 */
export function waterfall(phases: readonly Phase[], look: Look): string {
  const end = phases.at(-1)?.to ?? 0;
  const label = Math.max(...phases.map(({ name }) => name.length)) + 1;
  const room = Math.max(look.columns - label - FIGURES, 1);
  const [block, sliver] = look.unicode ? ['█', '▏'] : ['#', '|'];
  const column = (at: number): number => (end > 0 ? Math.round((at / end) * room) : 0);
  const lines = phases.map(({ name, from, to }) => {
    const length = column(to) - column(from);
    const drawing = length > 0 ? block.repeat(length) : sliver;
    const start = Math.min(column(from), room - drawing.length);
    const time = cut(`${(to - from).toFixed(1)} ms`.padStart(FIGURES), look.columns - label - room, look);
    return `${name.padEnd(label)}${' '.repeat(start)}${paint('cyan', drawing, look)}${' '.repeat(room - start - drawing.length)}${time}`;
  });
  return lines.join('\n');
}
