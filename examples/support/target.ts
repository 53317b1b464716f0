/** A host name or address, and a port. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Parses `HOST:PORT`, with IPv6 addresses in brackets: `[::1]:7`. Returns undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  const [, inBrackets, name, digits] = /^(?:\[([\da-f:.%]+)\]|([^\s\p{Cc}:[\]]+)):(\d{1,5})$/iu.exec(text) ?? [];
  const host = inBrackets ?? name;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
