/** Whether something can be the name or address of a host. A URL, which may hold a password, is none. */
export function isHost(value: unknown): value is string {
  return typeof value === 'string' && /^[^\0-\x20\x7f@/#]+$/.test(value);
}

/**
 * A host as it is dialled and compared with: an IPv6 address without the brackets that it has in a URL. No name has a colon.
 * Without a regular expression: one that looks for both brackets takes quadratic time on `[` and colons.
 */
export function bareHost(host: string): string {
  if (!host.startsWith('[') || !host.endsWith(']')) return host;
  const inside = host.slice(1, -1);
  return inside.includes(':') && !inside.includes(']') ? inside : host;
}
