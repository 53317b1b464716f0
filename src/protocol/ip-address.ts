const V4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

/** Parses an IP address into 4 or 16 bytes. Returns undefined for anything else, such as a name or an address with a zone. */
export function parseIp(text: string): Uint8Array | undefined {
  if (V4.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.every((byte) => byte < 256) ? Uint8Array.from(bytes) : undefined;
  }
  if (!/^[\da-f.]*:[\da-f.:]*$/i.test(text)) return undefined;
  const url = `http://[${text}]`;
  if (!URL.canParse(url)) return undefined;
  // The URL parser converts a dotted suffix to groups and leaves at most one `::`.
  const [head = [], tail] = new URL(url).hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter(Boolean));
  const groups = tail ? [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail] : head;
  return Uint8Array.from(groups.map((group) => parseInt(group, 16)).flatMap((group) => [group >> 8, group & 255]));
}

/** Returns the family of an IP address, 0 for anything else. An IPv6 address may have a zone. The same as `isIP` of Node. */
export function ipFamily(text: string): 0 | 4 | 6 {
  const [, address = '', zone] = /^([^%]*)(%[\da-z.:-]+)?$/i.exec(text) ?? [];
  const length = parseIp(address)?.length;
  return length === 16 ? 6 : length === 4 && zone === undefined ? 4 : 0;
}

/** Formats an address of 4 or 16 bytes. IPv6 follows RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
