import type { MarbleSignal } from 'rxjs-io-stream/testing';
import { valueText } from './values.ts';

/** A line of a diagram, and the rows of values that it needs in addition. */
export interface DrawnLine {
  readonly text: string;
  readonly values: string;
}

/**
 * Draws signals as a line of a diagram. Bytes without a letter get a new one.
 *
 * @returns undefined if the grammar has no way: a group takes as many frames as characters, and another signal is inside.
 */
export function marbleText(signals: readonly MarbleSignal[], taken: string): DrawnLine | undefined {
  let text = '';
  let frame = 0;
  let values = '';
  const letters = new Map<string, string>();
  for (const at of new Set(signals.map((each) => each.at))) {
    if (at < frame) return undefined;
    const gap = at - frame;
    text += gap > 40 ? ` ${gap}ms ` : '-'.repeat(gap);
    let group = '';
    for (const { symbol, bytes } of signals.filter((each) => each.at === at)) {
      if (symbol !== '?') {
        group += symbol;
        continue;
      }
      if (!bytes) return undefined;
      const value = valueText(bytes);
      const letter = letters.get(value) ?? newLetter(taken + text + group);
      if (letter === undefined) return undefined;
      if (!letters.has(value)) values += `${letter}: ${value}\n`;
      letters.set(value, letter);
      group += letter;
    }
    const drawn = group.length > 1 && !group.startsWith('#') ? `(${group})` : group;
    text += drawn;
    frame = at + drawn.length;
  }
  return { text: `${text}-`, values };
}

function newLetter(taken: string): string | undefined {
  return 'abcdefghijklmnopqrstuvwxyz'.split('').find((letter) => !taken.includes(letter));
}
