/** What the URL of a proxy contains. */
export interface ProxyUrl {
  readonly host: string;
  readonly port: number;
  /** Decoded; both or none. */
  readonly user?: string;
  readonly pass?: string;
}

/** Which URLs a plugin takes. */
export interface ProxyUrlRules {
  /** The plugin, for messages. */
  readonly caller: string;
  /** With their colon; the first is the usual one. */
  readonly schemes: readonly string[];
  /** The port of a URL without one. */
  readonly port: number;
  /** What to do about another scheme. */
  readonly advice?: Readonly<Record<string, string>>;
}

const SCHEME = /^([a-z][a-z\d+.-]*:)\/\//i;

/** Whether a plugin was given a URL, as a text or an object. */
export function isUrl(given: unknown): given is string | URL {
  return typeof given === 'string' || Object.prototype.toString.call(given) === '[object URL]';
}

/**
 * Reads the URL of a proxy: `scheme://user:password@host:port`, with user and password percent-encoded.
 *
 * @throws TypeError for another scheme, a path, a query or a fragment, and for what is no URL. No message contains any part of
 *   the URL but its scheme: without `//` behind it even that may be a user's name.
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

/** A parser of URLs leaves out line ends and tabs, wherever they stand: such a text is none. */
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
    // Without the cause.
    throw new TypeError(
      `expected the URL of ${caller} to be percent-encoded UTF-8, got something else; write % in a user or password as %25`,
    );
  }
}
