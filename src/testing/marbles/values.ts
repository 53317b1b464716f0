import { readHex } from '../../util/hex.ts';
import type { Mark } from './mark.ts';

/** The value of a letter in a diagram; see `marbles`. */
export type MarbleValue = string | Uint8Array | number;

/** The letters of signals; `values` must not define them. */
export const RESERVED = 'CEPRSTU';
const LETTER = /^[^\s\-()|#^!:]$/;
/** Parses `values`: a string becomes `data`, a number becomes `sent` of that many bytes. */
export function readValues(values: Readonly<Record<string, MarbleValue>>): Map<string, Mark> {
  return new Map(
    Object.entries(values).map(([letter, value]): [string, Mark] => {
      if (!LETTER.test(letter) || RESERVED.includes(letter)) {
        throw new TypeError(`expected each name in \`values\` to be one letter other than ${RESERVED}, which are signals, got '${letter}'`);
      }
      return [letter, typeof value === 'number' ? { kind: 'sent', bytes: value } : { kind: 'data', bytes: bytesOf(value, letter) }];
    }),
  );
}

function bytesOf(value: unknown, letter: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') {
    throw new TypeError(`expected \`values.${letter}\` to be a string, a Uint8Array or a number of bytes sent, got ${String(value)}`);
  }
  if (!value.startsWith('0x')) return new TextEncoder().encode(value);
  const bytes = readHex(value.slice(2));
  if (!bytes) throw new TypeError(`expected \`values.${letter}\` to be pairs of hex digits after 0x, got '${value}'`);
  return bytes;
}

/** Returns the mark of a letter; one without a value stands for itself. */
export function letterMark(letter: string, values: ReadonlyMap<string, Mark>): Mark | undefined {
  const known = values.get(letter);
  if (known || RESERVED.includes(letter) || !LETTER.test(letter)) return known;
  return { kind: 'data', bytes: new TextEncoder().encode(letter) };
}
