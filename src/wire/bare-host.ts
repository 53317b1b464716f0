/** Whether something can be the name or address of a host. A URL, which may hold a password, is none. */
export function isHost(value: unknown): value is string {
  return typeof value === 'string' && /^[^\0-\x20\x7f@/#]+$/.test(value);
}

/** A host as it is dialled and compared with: an IPv6 address without the brackets that it has in a URL. No name has a colon. */
export function bareHost(host: string): string {
  return /^\[([^\]]*:[^\]]*)\]$/.exec(host)?.[1] ?? host;
}
