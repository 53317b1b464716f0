/** Parts of the URL of a proxy. */
export interface ProxyUrl {
  readonly host: string;
  readonly port: number;
  /** Decoded. `user` and `pass` are either both present or both absent. */
  readonly user?: string;
  readonly pass?: string;
}

/** Rules for the URLs that a plugin accepts. */
export interface ProxyUrlRules {
  /** Name of the plugin, for messages. */
  readonly caller: string;
  /** Accepted schemes with their colon. Messages show the first one. */
  readonly schemes: readonly string[];
  /** Default port. */
  readonly port: number;
  /** Advice for the message about another scheme, by scheme. */
  readonly advice?: Readonly<Record<string, string>>;
}

const SCHEME = /^([a-z][a-z\d+.-]*:)\/\//i;

/** Whether the argument of a plugin is a URL, as a string or an object. */
export function isUrl(given: unknown): given is string | URL {
  return typeof given === 'string' || Object.prototype.toString.call(given) === '[object URL]';
}

/**
 * Parses the URL of a proxy: `scheme://user:password@host:port`, with user and password percent-encoded.
 *
 * @throws TypeError for an invalid URL, another scheme, a path, a query or a fragment. The message contains no part of the URL
 *   but a scheme that is followed by `//`: without the slashes, the first part may be a user name.
 */
export function readProxyUrl(given: string | URL, { caller, schemes, port, advice = {} }: ProxyUrlRules): ProxyUrl {
  const text = String(given);
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  const usual = `${schemes[0]}//user:password@host:port`;
  if (scheme === undefined)
    throw new TypeError(`expected the URL of ${caller} to be ${usual}, got ${text.length} characters without a scheme`);
  if (!schemes.includes(scheme)) {
    const todo = Object.hasOwn(advice, scheme) ? `; ${advice[scheme]}` : '';
    throw new TypeError(`expected the URL of ${caller} to have the scheme ${schemes.join(' or ')}, got ${scheme}${todo}`);
  }
  const url = parsed(text);
  if (!url) throw new TypeError(`expected the URL of ${caller} to be ${usual}, got ${text.length} characters that cannot be read so`);
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    const todo = 'write / ? # and @ in a user or password as %2F %3F %23 and %40';
    throw new TypeError(`expected the URL of ${caller} to have no path, query or fragment, got one that has; ${todo}`);
  }
  return { host: decoded(url.hostname, caller), port: url.port === '' ? port : Number(url.port), ...loginOf(url, caller) };
}

/** Parses a URL. Rejects control characters, because the `URL` parser silently removes line ends and tabs. */
function parsed(text: string): URL | undefined {
  return !/[\0-\x20\x7f]/.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

function loginOf({ username, password }: URL, caller: string): { user: string; pass: string } | undefined {
  if (username === '' && password === '') return undefined;
  return { user: decoded(username, caller), pass: decoded(password, caller) };
}

function decoded(part: string, caller: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // No `cause`: it could contain a part of the URL.
    throw new TypeError(
      `expected the URL of ${caller} to be percent-encoded UTF-8, got something else; write % in a user or password as %25`,
    );
  }
}
