import { judgeName, type Guard } from '../guard.ts';

/** Judges the host of a URL, whose name the WebSocket resolves. Throws the error if it is blocked. */
export function judgeUrl(guard: Guard | undefined, href: string): void {
  if (!guard || !URL.canParse(href)) return; // The class refuses what is no URL.
  const { hostname, port, protocol } = new URL(href);
  const blocked = judgeName(guard, hostname.replace(/^\[|\]$/g, ''), Number(port) || (protocol === 'wss:' ? 443 : 80));
  if (blocked) throw blocked;
}
