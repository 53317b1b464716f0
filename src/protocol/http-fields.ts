/** The name of a header field (RFC 9110 section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** The value of a header field: no control characters except tab. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\u{10ffff}]*$/u;

export function isToken(name: string): boolean {
  return TOKEN.test(name);
}

export function isFieldValue(value: string): boolean {
  return FIELD_VALUE.test(value);
}

/** A user name or password (RFC 7617 section 2): no control characters. */
const CREDENTIAL = /^[\x20-\x7e\x80-\u{10ffff}]*$/u;

/** Headers that the plugin sets itself, or that a CONNECT request must not have. */
const RESERVED_HEADERS: readonly string[] = ['host', 'content-length', 'transfer-encoding'];

/** Headers as a record, or as pairs if a name occurs more than once. */
export type HeadersInput = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

/** Validates the user's headers. Throws a TypeError that quotes neither values nor invalid names. */
export function fieldsOf(headers: HeadersInput): (readonly [name: string, value: string])[] {
  const given: unknown = headers;
  if (typeof given !== 'object' || given === null) throw new TypeError(`expected \`headers\` to be a record or pairs, got ${typeof given}`);
  const pairs = Symbol.iterator in given ? [...(given as Iterable<unknown>)] : Object.entries(given);
  return pairs.map((pair) => {
    const [name, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (typeof name !== 'string' || !isToken(name)) throw new TypeError('expected names in `headers` to be tokens, got another one');
    if (RESERVED_HEADERS.includes(name.toLowerCase()))
      throw new TypeError(`expected \`headers\` without ${RESERVED_HEADERS.join(', ')}, got \`${name}\``);
    if (typeof value !== 'string' || !isFieldValue(value))
      throw new TypeError(`expected the header \`${name}\` to be a string without control characters, got another value`);
    return [name, value] as const;
  });
}

/** Returns the value of Proxy-Authorization for a user and password, in UTF-8 (RFC 7617). Throws a TypeError that quotes neither. */
export function basic(user: unknown, pass: unknown): string {
  if (typeof user !== 'string' || !CREDENTIAL.test(user) || user.includes(':'))
    throw new TypeError('expected `user` to be a string without `:` and control characters, got another value');
  if (typeof pass !== 'string' || !CREDENTIAL.test(pass))
    throw new TypeError('expected `pass` to be a string without control characters, got another value');
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${pass}`)))}`;
}
