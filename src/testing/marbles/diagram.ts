import type { LineName, Mark, Moment } from './mark.ts';
import { SYMBOLS } from './symbols.ts';
import { letterMark } from './values.ts';

/** One parsed line. `length` is the first frame after it. */
export interface Line {
  readonly moments: readonly Moment[];
  readonly length: number;
}

const TIME = /^(\d+(?:\.\d+)?)(ms|s|m)(?: |$)/;
const UNITS = { ms: 1, s: 1000, m: 60_000 };

/** Parses a diagram: lines that begin with their name and a colon. */
export function readDiagram(text: string, values: ReadonlyMap<string, Mark>): Map<LineName, Line> {
  const lines = new Map<LineName, Line>();
  for (const row of text.split('\n')) {
    if (row.trim() === '') continue;
    const [, name, rest = ''] = /^\s*([^:]*?)\s*:(.*)$/.exec(row) ?? [];
    if (!isLine(name)) {
      throw new TypeError(`expected each line of \`diagram\` to begin with 'app:', 'to wire:', 'wire:' or 'to app:', got '${row.trim()}'`);
    }
    if (lines.has(name)) throw new TypeError(`expected '${name}:' to stand once in \`diagram\`, it stands there twice`);
    lines.set(name, readLine(name, rest.trim(), values));
  }
  return lines;
}

function isLine(name: string | undefined): name is LineName {
  return name !== undefined && Object.hasOwn(SYMBOLS, name);
}

/** Parses one line in the grammar of RxJS's run mode: `-`, `( )`, ` 10ms `, blanks. In addition, a code may follow `#`. */
function readLine(name: LineName, text: string, values: ReadonlyMap<string, Mark>): Line {
  const moments: Moment[] = [];
  let frame = 0;
  let group: number | undefined;
  let length = 0;
  const wrong = (at: number, expected: string): never => {
    throw new TypeError(`expected ${expected} at '${text.slice(at)}' of '${name}: ${text}' in \`diagram\``);
  };
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const symbol = text.charAt(at);
    const time = at === 0 || text.charAt(at - 1) === ' ' ? TIME.exec(rest) : null;
    if (time) {
      frame += Number(time[1]) * UNITS[time[2] as keyof typeof UNITS];
      at += time[0].length;
      length = frame;
      continue;
    }
    at += 1;
    if (/\s/.test(symbol)) continue;
    if (symbol === '(') group = group === undefined ? frame : wrong(at - 1, 'no group inside a group');
    else if (symbol === ')') group = group === undefined ? wrong(at - 1, "'(' before ')'") : undefined;
    else if (symbol !== '-') {
      const last = moments.at(-1)?.mark.kind;
      if (last === 'error' || last === 'unsubscribed' || (last === 'complete' && symbol !== '!')) wrong(at - 1, 'nothing more');
      const code = symbol === '#' ? (/^#(\w*)/.exec(rest)?.[1] ?? '') : '';
      if (symbol === '#' && code === '' && name === 'wire') wrong(at - 1, "a code behind '#', like #ECONNRESET,");
      at += code.length;
      const mark: Mark | undefined =
        symbol === '#' ? { kind: 'error', code: code || undefined } : (SYMBOLS[name][symbol] ?? letterMark(symbol, values));
      if (!mark || (mark.kind === 'sent' && isOutbound(name))) wrong(at - 1, `a symbol that '${name}' can carry`);
      else moments.push({ frame: group ?? frame, text: symbol + code, mark });
    }
    frame += 1;
    length = frame;
  }
  if (group !== undefined) wrong(text.length, "')'");
  return { moments, length };
}

function isOutbound(name: LineName): boolean {
  return name === 'app' || name === 'to wire';
}
