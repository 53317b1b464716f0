import { styleText } from 'node:util';

/** What a terminal can show. */
export interface Look {
  /** The width of a line. */
  readonly columns: number;
  readonly color: boolean;
  /** Whether it has more than ASCII. */
  readonly unicode: boolean;
}

type Stream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'hasColors'>;
type Style = Parameters<typeof styleText>[0];

/** Whether a stream is a terminal on which lines can be drawn again. */
export const isDrawable = (stream: Pick<Stream, 'isTTY'>, env = process.env): boolean => stream.isTTY && env.TERM !== 'dumb';

/** Returns what a stream can show. Color follows `NO_COLOR` and `FORCE_COLOR`, as in Node. */
export function lookOf(stream: Stream, env = process.env, platform = process.platform): Look {
  const { LC_ALL, LC_CTYPE, LANG, TERM, TERM_PROGRAM, WT_SESSION } = env;
  const locale = [LC_ALL, LC_CTYPE, LANG, 'UTF-8'].find(Boolean) ?? '';
  const isModern = platform === 'win32' ? Boolean(WT_SESSION ?? TERM_PROGRAM) : TERM !== 'linux';
  return {
    // A terminal without a size reports 0: in a container, or one that `script` makes.
    columns: stream.columns || 80,
    color: stream.isTTY && stream.hasColors(env),
    unicode: isModern && /utf-?8/i.test(locale),
  };
}

/** Cuts a text to a width, and marks the cut. */
export function cut(text: string, width: number, { unicode }: Look): string {
  return text.length <= width ? text : text.slice(0, Math.max(width - 1, 0)) + (unicode ? '…' : '~');
}

export const paint = (style: Style, text: string, { color }: Look): string =>
  color && text !== '' ? styleText(style, text, { validateStream: false }) : text;

/** Draws a share from 0 to 1 as a bar of this width. */
export function bar(share: number, width: number, { unicode }: Look): string {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * width);
  const [full, empty] = unicode ? ['█', '░'] : ['#', '-'];
  return full.repeat(filled) + empty.repeat(width - filled);
}
