import { viewsOf, withoutCutEscape, type View } from './escapes.ts';
import { MIN_ENCODED_LENGTH, secretForms, type SecretForms } from './secret-forms.ts';

/** Replaces a secret in displayed text. */
const HIDDEN = '***';

/** Minimum lengths in characters for a single word of a header value, and for the whole value, to count as a secret. */
const MIN_WORD_LENGTH = 8;
const MIN_VALUE_LENGTH = 4;

/** Minimum number of characters at the end of a truncated text that count as the start of a secret. Shorter matches occur in any text. */
const MIN_START_LENGTH = 2;

type Span = readonly [start: number, end: number];

/**
 * Texts that no message, no detail and no log may contain, even if a peer repeats them: passwords, values of Proxy-Authorization and
 * the user's own headers.
 *
 * Matches ignore case. These encodings are recognised:
 * - UTF-8 read as Latin-1
 * - escapes of URLs, JSON, HTML and quoted strings
 * - hexadecimal
 * - Base64, also inside a longer Base64 text
 */
export class Secrets {
  readonly #known: Map<string, SecretForms>;

  /** @param others an instance whose secrets are copied. */
  constructor(others?: Secrets) {
    this.#known = new Map(others ? others.#known : []);
  }

  /** Adds a literal text. */
  addText(text: string): void {
    if (text !== '' && !this.#known.has(text)) this.#known.set(text, secretForms(text));
  }

  /** Adds the secret part of a login: the password, or the user if the password is empty. */
  addLogin(user: string, pass: string): void {
    this.addText(pass === '' ? user : pass);
  }

  /** Adds a value of Proxy-Authorization: the whole value, the value without its scheme, and for Basic (RFC 7617) the login. */
  addAuthorization(value: string): void {
    const credentials = value.slice(value.indexOf(' ') + 1);
    this.addText(value);
    this.addText(credentials);
    if (!/^basic /i.test(value)) return;
    for (const pair of decodedOf(credentials.trim())) {
      const colon = pair.indexOf(':');
      if (colon >= 0) this.addLogin(pair.slice(0, colon), pair.slice(colon + 1));
    }
  }

  /** Adds the value of another header: the whole value from 4 characters, and each of its words from 8 characters. */
  addHeader(value: string): void {
    if (value.length >= MIN_VALUE_LENGTH) this.addText(value);
    for (const word of value.split(/[\s;,="]+/)) if (word.length >= MIN_WORD_LENGTH) this.addText(word);
    if (/^basic /i.test(value)) this.addAuthorization(value);
  }

  /** Replaces each secret in a text by `***`. */
  hide(text: string): string {
    return this.#known.size === 0 ? text : hideSpans(text, this.#spans(text, viewsOf(text)));
  }

  /** Does the same for a truncated text, and also replaces the start of a secret at its end. */
  hideCut(text: string): string {
    if (this.#known.size === 0) return text;
    const views = viewsOf(text);
    const ends = views.flatMap((view) => [view, withoutCutEscape(view)]);
    return hideSpans(text, [...this.#spans(text, views), ...this.#startsAtEnd(text, ends)]);
  }

  #spans(text: string, views: readonly View[]): Span[] {
    const spans: Span[] = [];
    for (const view of views)
      for (const { plain, encoded, inner } of this.#known.values()) {
        for (const wanted of [...plain, ...encoded]) spans.push(...spansOf(view, wanted));
        for (const wanted of inner) spans.push(...spansOf(view, wanted).map((span) => widened(text, span)));
      }
    return spans;
  }

  /** Returns the spans at the end of the text that may be the start of a secret. */
  #startsAtEnd(text: string, views: readonly View[]): Span[] {
    const spans: Span[] = [];
    for (const view of views)
      for (const { plain, encoded, inner } of this.#known.values()) {
        const lengths = [
          ...plain.map((each) => overlap(view.text, each, MIN_START_LENGTH)),
          ...[...encoded, ...inner].map((each) => overlap(view.text, each, MIN_ENCODED_LENGTH)),
        ];
        const length = Math.max(...lengths);
        if (length > 0) spans.push([view.at[view.text.length - length]!, text.length]);
      }
    return spans;
  }
}

function spansOf({ text, at }: View, wanted: string): Span[] {
  const spans: Span[] = [];
  for (let start = text.indexOf(wanted); start >= 0; start = text.indexOf(wanted, start + wanted.length))
    spans.push([at[start]!, at[start + wanted.length]!]);
  return spans;
}

/** Adds the adjacent Base64 characters, which hold bits of both the secret and its neighbours. */
function widened(text: string, [start, end]: Span): Span {
  return [start - (isBase64(text.charAt(start - 1)) ? 1 : 0), end + (isBase64(text.charAt(end)) ? 1 : 0)];
}

function isBase64(character: string): boolean {
  return /[\w+/-]/.test(character);
}

/** Returns how many characters at the end of `text` match the start of `wanted`, or 0 if they are fewer than `least`. */
function overlap(text: string, wanted: string, least: number): number {
  let length = Math.min(text.length, wanted.length - 1);
  while (length >= least && !text.endsWith(wanted.slice(0, length))) length -= 1;
  return length >= least ? length : 0;
}

function hideSpans(text: string, spans: readonly Span[]): string {
  let shown = '';
  let end = 0;
  for (const [from, to] of [...spans].sort(([a], [b]) => a - b)) {
    if (from > end || (from === 0 && end === 0)) shown += text.slice(end, from) + HIDDEN;
    end = Math.max(end, to);
  }
  return shown + text.slice(end);
}

/** Decodes Base64 to `user:password`, in Latin-1 and in UTF-8. Returns an empty array for invalid Base64. */
function decodedOf(base64: string): readonly string[] {
  try {
    const latin = atob(base64);
    return [latin, new TextDecoder().decode(Uint8Array.from(latin, (character) => character.charCodeAt(0)))];
  } catch {
    return [];
  }
}
