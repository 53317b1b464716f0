import type { Tunnel } from './connect-request.ts';
import type { HttpHead } from './http-head.ts';
import type { Secrets } from './secrets.ts';

/** Header names that are shown even if they contain a secret: the proxy sends them in any case. */
const SHOWN_HEADERS: readonly string[] = [
  ...['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'location', 'proxy-agent'],
  ...['proxy-authenticate', 'proxy-connection', 'proxy-status', 'retry-after', 'server', 'transfer-encoding', 'via'],
];

/** Returns the loggable facts of a reply, without secrets. */
export function connectFacts({ status, reason, headers }: HttpHead, secrets: Secrets): Tunnel {
  const shown = Object.entries(headers).map(([name, value]) => [
    SHOWN_HEADERS.includes(name) ? name : secrets.hide(name),
    secrets.hide(value),
  ]);
  return { status, ...(reason === '' ? {} : { reply: secrets.hide(reason) }), headers: Object.fromEntries(shown) as Tunnel['headers'] };
}
