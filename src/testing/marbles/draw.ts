import type { Moment } from './mark.ts';

/** One line to draw. */
export interface Row {
  readonly label: string;
  readonly moments: readonly Moment[];
}

/** Aligned lines, and the column of each frame. */
export interface Drawing {
  readonly rows: readonly string[];
  column(frame: number): number;
}

/** Maximum number of empty frames drawn as dashes; more are drawn as a time, ` 13ms `. */
const MAX_DASHES = 12;

/**
 * Draws lines so that each frame has the same column in all of them. Where a group leaves no room for the frames after it, columns keep
 * their order but not their scale.
 *
 * @param end the first frame after the diagram.
 */
export function draw(lines: readonly Row[], end: number): Drawing {
  const frames = [...new Set(lines.flatMap(({ moments }) => moments.map(({ frame }) => frame)))].sort((a, b) => a - b);
  const indent = Math.max(...lines.map(({ label }) => label.length)) + 2;
  const rows = lines.map(({ label }) => `${label}:`.padEnd(indent));
  const isOver = lines.map(() => false);
  const columns = new Map<number, number>();
  let width = indent;
  let next = 0;
  const pass = (until: number): void => {
    const gap = Math.max(0, Number((until - next).toFixed(3)));
    const text = gap > MAX_DASHES || !Number.isInteger(gap) ? ` ${gap}ms ` : '-'.repeat(gap);
    for (const at of rows.keys()) if (!isOver[at]) rows[at] = `${rows[at] ?? ''}${text}`;
    width += text.length;
  };
  for (const frame of frames) {
    pass(frame);
    columns.set(frame, width);
    const cells = lines.map(({ moments }) => moments.filter((each) => each.frame === frame).map(({ text }) => text));
    const room = Math.max(...cells.map(widthOf));
    for (const [at, texts] of cells.entries()) {
      if (isOver[at]) continue;
      const text = widthOf(texts) > 1 ? `(${texts.join('')})` : texts.join('');
      isOver[at] = texts.some((each) => each.startsWith('#'));
      rows[at] = `${rows[at] ?? ''}${isOver[at] ? text : text.padEnd(room, '-')}`;
    }
    width += room;
    next = frame + room;
  }
  pass(end);
  return { rows: rows.map((row) => row.trimEnd()), column: (frame) => columns.get(frame) ?? width };
}

/** Returns the width of a group in frames: its symbols and brackets. The code of an error has no width, because nothing follows it. */
export function widthOf(texts: readonly string[]): number {
  const symbols = texts.reduce((sum, text) => sum + (text.startsWith('#') ? 1 : text.length), 0);
  return symbols > 1 ? symbols + 2 : symbols;
}
