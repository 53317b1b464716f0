/** One way to prove who we are, as a server or proxy offers it. */
export interface HttpChallenge {
  /** `Basic`, `Digest`, …, as it was written; names of schemes do not depend on case. */
  readonly scheme: string;
  /** By name in lower case: `realm`, `nonce`, … */
  readonly params: Readonly<Record<string, string>>;
  /** What stands in the place of parameters, such as the Base64 of Negotiate. */
  readonly token68?: string;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
/** A parameter, or a scheme and its token68: what follows one must be the end or a comma, else it is the name of a parameter. */
const PART = new RegExp(
  `[ \\t,]*(?:(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))|(${TOKEN})(?=[ \\t,]|$)(?:[ \\t]+([\\w.~+/-]+=*)(?=[ \\t]*(?:,|$)))?)`,
  'y',
);

/**
 * Reads the value of Proxy-Authenticate or WWW-Authenticate, several of them joined by commas (RFC 9110 section 11.6.1). Reads
 * as far as it understands it.
 */
export function parseChallenges(value: string): HttpChallenge[] {
  const found: { scheme: string; params: Map<string, string>; token68: string | undefined }[] = [];
  const part = new RegExp(PART);
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
