import { isHost } from '../../util/host.ts';
import { describeNumber } from '../../util/describe.ts';
import type { Rules } from '../../util/check-options.ts';

/** Whether a value is a port that can be dialled. */
export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 65535;
}

/** Required options of every proxy plugin. */
export const PROXY_REQUIRED: readonly string[] = ['host', 'port'];

/** Rules for the options of every proxy plugin. */
export const PROXY_RULES: Rules = {
  host: ['a host name or address, not a URL and without control characters', isHost],
  port: ['an integer from 1 to 65535', isPort, describeNumber],
  resolve: ["'proxy' or 'local'", (value) => value === 'proxy' || value === 'local'],
  lookup: ['a function like dns.lookup', (value) => typeof value === 'function'],
};
