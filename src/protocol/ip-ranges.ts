import { describeWithType } from '../util/describe.ts';
import { parseIpRange, type IpRange } from './ip-list.ts';

/** Which option of which function a list is, for messages. */
export interface ListOption {
  readonly name: string;
  readonly caller: string;
}

/**
 * Parses a list of addresses and CIDR ranges.
 *
 * @throws TypeError that names the option and the wrong entry.
 */
export function parseIpRanges(list: readonly string[], { name, caller }: ListOption): IpRange[] {
  return Array.from(list, (text: unknown, at) => {
    const range = typeof text === 'string' ? parseIpRange(text) : undefined;
    if (range) return range;
    const expected = 'an IP address or a range such as 10.0.0.0/8, without bits after its prefix';
    const got = typeof text === 'string' ? JSON.stringify(text.slice(0, 60)) : describeWithType(text);
    throw new TypeError(`expected \`${name}[${at}]\` of ${caller} to be ${expected}, got ${got}`);
  });
}
