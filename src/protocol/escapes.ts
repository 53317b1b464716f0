/** A text with its escapes resolved. `at` maps each of its characters, and its end, to a position in the original text. */
export interface View {
  readonly text: string;
  readonly at: readonly number[];
}

/** An escape syntax, matched in lower-case text. */
interface Kind {
  readonly pattern: RegExp;
  /** Returns the characters that a match represents. */
  readonly meaning: (match: RegExpExecArray) => string;
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Applied separately: an escape in one syntax may be plain text in another. */
const KINDS: readonly Kind[] = [
  // URLs.
  { pattern: /%([\da-f]{2})/g, meaning: ([, byte = '']) => character(parseInt(byte, 16)) },
  // HTML and XML.
  {
    pattern: /&(?:#x0*([\da-f]{1,6})|#0*(\d{1,7})|(amp|lt|gt|quot|apos));/g,
    meaning: ([, hex, decimal, name = '']) => NAMED[name] ?? character(hex === undefined ? Number(decimal) : parseInt(hex, 16)),
  },
  // JSON, C and JavaScript.
  {
    pattern: /\\(?:u([\da-f]{4})|x([\da-f]{2})|([^]))/g,
    meaning: ([, unit, byte, other = '']) => ((unit ?? byte) ? character(parseInt(unit ?? byte ?? '', 16)) : (CONTROLS[other] ?? other)),
  },
  // Quoted strings of HTTP (RFC 9110 section 5.6.4).
  { pattern: /\\([^])/g, meaning: ([, quoted = '']) => quoted },
];

/** The start of an escape that is truncated at the end of the text. */
const CUT_ESCAPE = /(?:%[\da-f]?|\\(?:u[\da-f]{0,3}|x[\da-f]?)?|&(?:#x?[\da-f]{0,7}|[a-z]{0,4})?)$/;

/** The maximum depth of nested escapes, such as JSON in HTML. */
const MAX_DEPTH = 2;

/** Converts ASCII letters to lower case. Others stay as they are, because conversion could change the number of characters. */
export function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Returns all distinct readings of a text, in lower case: the text itself, and with the escapes of each syntax resolved once and
 * twice.
 */
export function viewsOf(text: string): readonly View[] {
  const views = new Map<string, View>();
  let last: readonly View[] = [{ text: folded(text), at: Array.from({ length: text.length + 1 }, (_, at) => at) }];
  for (let depth = 0; last.length > 0; depth += 1) {
    const added = last.filter((view) => !views.has(view.text));
    for (const view of added) views.set(view.text, view);
    last = depth < MAX_DEPTH ? added.flatMap((view) => KINDS.map((kind) => resolved(view, kind))) : [];
  }
  return [...views.values()];
}

/** Returns the view without a truncated escape at its end. */
export function withoutCutEscape({ text, at }: View): View {
  const end = CUT_ESCAPE.exec(text)?.index ?? text.length;
  return { text: text.slice(0, end), at: at.slice(0, end + 1) };
}

function resolved(view: View, { pattern, meaning }: Kind): View {
  const { text, at } = view;
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return view;
  const parts: string[] = [];
  const positions: number[] = [];
  let end = 0;
  for (const match of matches) {
    const made = folded(meaning(match));
    parts.push(text.slice(end, match.index), made);
    for (; end < match.index; end += 1) positions.push(at[end]!);
    for (let unit = 0; unit < made.length; unit += 1) positions.push(at[match.index]!);
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  for (; end <= text.length; end += 1) positions.push(at[end]!);
  return { text: parts.join(''), at: positions };
}

function character(code: number): string {
  return code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
}
