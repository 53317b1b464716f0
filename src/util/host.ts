/** Whether a value can be the name or address of a host. A URL, which may contain a password, is none. */
export function isHost(value: unknown): value is string {
  return typeof value === 'string' && /^[^\0-\x20\x7f@/#]+$/.test(value);
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
