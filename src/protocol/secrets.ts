/** What stands for a secret where it is shown. */
const HIDDEN = '***';

/**
 * Texts that nothing may show, even if a proxy repeats them: values of Proxy-Authorization, and what is secret in them.
 *
 * A text is known in two forms: as it is, and as a head shows its UTF-8, a byte a character.
 */
export class Secrets {
  /** The longest first: one may be a part of another. */
  #texts: readonly string[] = [];

  /** Learns a value: whole, without its scheme, and of Basic (RFC 7617) the password, or the user where there is none. */
  add(authorization: string): void {
    const credentials = authorization.slice(authorization.indexOf(' ') + 1);
    const pairs = /^basic /i.test(authorization) ? decodedOf(credentials.trim()) : [];
    const passwords = pairs.map((pair) => pair.slice(pair.indexOf(':') + 1) || pair.slice(0, -1));
    const found = [authorization, credentials, ...passwords].flatMap((text) => [text, latinOf(text)]);
    const texts = new Set([...this.#texts, ...found].filter((text) => text !== ''));
    this.#texts = [...texts].sort((a, b) => b.length - a.length);
  }

  /** The text with each secret out of it. */
  hide(text: string): string {
    return this.#texts.reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
  }

  /** The same for a text that was cut off: a secret may have begun at its end. */
  hideCut(text: string): string {
    const shown = this.hide(text);
    const begun = Math.max(0, ...this.#texts.map((secret) => overlap(shown, secret)));
    return begun === 0 ? shown : `${shown.slice(0, -begun)}${HIDDEN}`;
  }

  /** The same for a name in lower case. */
  hideName(name: string): string {
    return this.#texts.reduce((shown, secret) => shown.replaceAll(secret.toLowerCase(), HIDDEN), name);
  }
}

/** How many characters at the end of a text are the start of a secret. */
function overlap(text: string, secret: string): number {
  let length = Math.min(text.length, secret.length - 1);
  while (length > 0 && !text.endsWith(secret.slice(0, length))) length -= 1;
  return length;
}

/** User and password behind Base64, in Latin-1 and in UTF-8; nothing if it is no Base64. */
function decodedOf(base64: string): readonly string[] {
  try {
    const latin = atob(base64);
    return [latin, new TextDecoder().decode(Uint8Array.from(latin, (character) => character.charCodeAt(0)))];
  } catch {
    return [];
  }
}

function latinOf(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}
