import { END, PAUSE, RESUME } from '../../wire/signal.ts';
import type { LineName, Mark } from './mark.ts';
import { letterMark } from './values.ts';

const EITHER: Readonly<Record<string, Mark>> = {
  E: END,
  T: { kind: 'end', truncated: true },
  P: PAUSE,
  U: RESUME,
  '|': { kind: 'complete' },
};
const INBOUND: Readonly<Record<string, Mark>> = { ...EITHER, C: { kind: 'connected' }, R: { kind: 'resolved' }, S: { kind: 'sent' } };
const OUTBOUND: Readonly<Record<string, Mark>> = { ...EITHER, '^': { kind: 'subscribed' }, '!': { kind: 'unsubscribed' } };
/** The symbols of the signals of each line. */
export const SYMBOLS: Readonly<Record<LineName, Readonly<Record<string, Mark>>>> = {
  app: OUTBOUND,
  'to wire': OUTBOUND,
  wire: INBOUND,
  'to app': INBOUND,
};

/** Returns the symbol of a mark; '?' for bytes and counts without a letter. */
export function textOf(mark: Mark, name: LineName, values: ReadonlyMap<string, Mark>, same: (a: Mark, b: Mark) => boolean): string {
  if (mark.kind === 'error') return `#${mark.code ?? ''}`;
  if (mark.kind === 'sent' && mark.all) return 'S';
  for (const [letter, known] of values) if (same(known, mark)) return letter;
  for (const [symbol, known] of Object.entries(SYMBOLS[name])) {
    if (mark.kind !== 'sent' && mark.kind !== 'data' && same(known, mark)) return symbol;
  }
  const letter = mark.kind === 'data' ? new TextDecoder().decode(mark.bytes) : '';
  return !values.has(letter) && letterMark(letter, values) ? letter : '?';
}
