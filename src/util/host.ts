/** Whether a value can be the name or address of a host. A URL, which may contain a password, is none. */
export function isHost(value: unknown): value is string {
  return typeof value === 'string' && /^[^\0-\x20\x7f@/#]+$/.test(value);
}

/** A name that never resolves (RFC 6761 section 6.4). */
const NONE = 'none.invalid';

/** Maximum length in UTF-16 units of a name that can fit into 255 bytes of ASCII. A character may have two units. */
const MAX_UNITS = 2 * 255;

/**
 * Converts a name to ASCII by IDNA, as a URL does. Returns '' if that cannot be done, at once for long names, because IDNA takes
 * quadratic time. Does not change ASCII.
 */
export function hostInAscii(name: string): string {
  if (!/[^\0-\x7f]/.test(name)) return name;
  if (name.length > MAX_UNITS || /[%/?#\\]/.test(name)) return '';
  const url = new URL(`http://${NONE}`);
  url.hostname = name; // Changes nothing if the name cannot be converted.
  return url.hostname === NONE ? '' : url.hostname;
}

/** Formats a host and a port as in a URL: with brackets around an IPv6 address. */
export function hostAndPort(host: string, port?: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

/**
 * Removes the brackets that an IPv6 address has in a URL, as dialling and comparing need it. Names contain no colon: it is looked for
 * ahead, because matching it between two others takes quadratic time on colons.
 */
export function bareHost(host: string): string {
  return host.replace(/^\[(?=[^\]]*:)([^\]]*)\]$/, '$1');
}
