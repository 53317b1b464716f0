/** An authentication scheme that a server or proxy offers. */
export interface HttpChallenge {
  /** `Basic`, `Digest`, …, as received. Scheme names are case-insensitive. */
  readonly scheme: string;
  /** The parameters by lower-case name: `realm`, `nonce`, … */
  readonly params: Readonly<Record<string, string>>;
  /** The token68 that replaces parameters, such as the Base64 data of Negotiate. */
  readonly token68?: string;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
/**
 * Matches a parameter, or a scheme with an optional token68. A token68 must be followed by a comma or the end; otherwise it is a
 * parameter name.
 */
const partPattern = (): RegExp =>
  new RegExp(
    `[ \\t,]*(?:(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))|(${TOKEN})(?=[ \\t,]|$)(?:[ \\t]+([\\w.~+/-]+=*)(?=[ \\t]*(?:,|$)))?)`,
    'y',
  );

/**
 * Parses the value of Proxy-Authenticate or WWW-Authenticate, which may hold several challenges separated by commas (RFC 9110 section
 * 11.6.1). Stops at the first part that it cannot parse.
 */
export function parseChallenges(value: string): HttpChallenge[] {
  const found: { scheme: string; params: Map<string, string>; token68: string | undefined }[] = [];
  const part = partPattern();
  for (let match = part.exec(value); match; match = part.exec(value)) {
    const [, name, quoted, token = '', scheme, token68] = match;
    if (scheme !== undefined) found.push({ scheme, params: new Map(), token68 });
    else found.at(-1)?.params.set((name ?? '').toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token);
  }
  return found.map(({ scheme, params, token68 }) => ({
    scheme,
    params: Object.fromEntries(params),
    ...(token68 === undefined ? {} : { token68 }),
  }));
}
