/**
 * Matches control characters (C0, DEL, C1), line and paragraph separators, lone surrogates, and bidirectional or zero-width
 * characters.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Escapes control and invisible characters of a peer's text as JSON does, such as `\u009b`, so that it is safe for a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => character.replace(/[^]/g, escaped));
}

/** Quotes a peer's text as JSON does, with all unprintable characters escaped. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
