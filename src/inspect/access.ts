import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { quoted } from '../protocol/printable.ts';
import { isLoopback } from './inspect-options.ts';

/** Maximum characters of a header that a refusal repeats. */
const MAX_SHOWN = 80;

/** Decides which requests the page answers. */
export class Access {
  readonly #token: Buffer;
  readonly #allowHosts: ReadonlySet<string>;

  constructor(token: string, allowHosts: readonly string[]) {
    this.#token = digest(token);
    this.#allowHosts = new Set(allowHosts.map((host) => host.toLowerCase()));
  }

  /**
   * Returns why a request is refused; undefined if it is allowed.
   *
   * - Host: a foreign name that resolves to loopback (DNS rebinding) would make this page one of its own.
   * - Origin and Sec-Fetch-Site: a foreign page sends requests (CSRF), or shows this one in a frame.
   * - The token: other users of this machine reach the port, too.
   */
  refusal({ host = '', origin, 'sec-fetch-site': site }: IncomingHttpHeaders, token: string): string | undefined {
    if (!this.#isAllowedHost(host))
      return `expected Host to be a name of loopback, got ${shown(host)}; add the name to \`allowHosts\` of inspect()`;
    if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host.toLowerCase()))
      return `expected Origin to be that of the page, got ${shown(origin)}`;
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      return `expected Sec-Fetch-Site to be same-origin or none, got ${shown(site)}; open the URL itself`;
    // Digests of equal length, compared in constant time: the time does not depend on how much of the token is right.
    if (!timingSafeEqual(digest(token), this.#token))
      return 'expected the token at the start of the path; open the `url` that inspect() emits';
    return undefined;
  }

  #isAllowedHost(header: string): boolean {
    const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(header) ?? [];
    const host = name.replace(/^\[|\]$/g, '').toLowerCase();
    return isLoopback(host) || this.#allowHosts.has(host);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function shown(text: string): string {
  return quoted(text.slice(0, MAX_SHOWN));
}
