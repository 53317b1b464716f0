import { folded } from './escapes.ts';

/** Minimum number of encoded characters that are searched for. They hold less information than those of the text itself. */
export const MIN_ENCODED_LENGTH = 4;

/** The search patterns for a secret. */
export interface SecretForms {
  /** The text itself, in each encoding in which a head or body is read. */
  readonly plain: readonly string[];
  /** Its hexadecimal and Base64 encodings. */
  readonly encoded: readonly string[];
  /** The Base64 characters it produces inside a longer Base64 text. */
  readonly inner: readonly string[];
}

/** Returns the search patterns for a secret, in lower case. */
export function secretForms(text: string): SecretForms {
  const bytes = new TextEncoder().encode(text);
  const latin = latinOf(bytes);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const base64 = btoa(latin);
  const inner = [0, 1, 2].map((before) => innerBase64(latin, before)).filter(({ length }) => length >= MIN_ENCODED_LENGTH);
  return {
    plain: distinct([text, latin].flatMap((each) => [each, each.replaceAll(' ', '+')])),
    encoded: distinct([hex.join(''), hex.join(' '), hex.join(':'), ...inBothAlphabets(base64), ...inBothAlphabets(withoutPadding(base64))]),
    inner: distinct(inner.flatMap(inBothAlphabets)),
  };
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts.map(folded))];
}

/** Returns the Base64 characters that depend only on this text if `before` other bytes precede it. */
function innerBase64(latin: string, before: number): string {
  const characters = withoutPadding(btoa('\0'.repeat(before) + latin));
  const isWhole = (before + latin.length) % 3 === 0;
  return characters.slice(Math.ceil((before * 8) / 6), isWhole ? undefined : -1);
}

function withoutPadding(base64: string): string {
  return base64.replace(/=+$/, '');
}

function inBothAlphabets(base64: string): readonly string[] {
  return [base64, base64.replaceAll('+', '-').replaceAll('/', '_')];
}

/** Converts bytes to Latin-1 characters, as for a head. */
function latinOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
