/** Control characters (C0, DEL, C1), line and paragraph separators, lone surrogates, and what changes the direction of text or has no width. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Escapes the characters of a peer's text that a terminal would obey or a reader would not see, as JSON does: `\u009b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => character.replace(/[^]/g, escaped));
}

/** Quotes a peer's text as JSON does, with all of it printable. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
