import { isObservable, type Observable } from 'rxjs';
import { parseIpRanges } from '../protocol/ip-ranges.ts';
import { IpSet } from '../protocol/ip-set.ts';
import { checkOptions, type OptionSet, type Rule } from '../util/check-options.ts';
import { describeNumber } from '../util/describe.ts';
import { isCount } from '../util/value-tests.ts';

/**
 * Which connections a server admits. A connection has to pass all of the rules.
 *
 * An IPv4 address that is mapped to IPv6 counts as IPv4. A connection without an address, as over a UNIX socket, is judged by
 * `perSecond` only.
 */
export interface AdmitRules {
  /** Addresses and CIDR ranges that may connect, such as `10.0.0.0/8` and `2001:db8::1`. An empty list admits none. @default all */
  readonly allow?: readonly string[] | undefined;
  /** Addresses and CIDR ranges that may not connect, even if they are in `allow`. @default none */
  readonly deny?: readonly string[] | undefined;
  /** Maximum number of open connections of an address, 1 or more. A /64 of IPv6 counts as one address. @default no limit */
  readonly perAddress?: number | undefined;
  /** Maximum number of connections of an address that are admitted in a second, as `perSecond`. @default no limit */
  readonly perAddressPerSecond?: number | undefined;
  /**
   * Maximum number of connections that are admitted in a second, of all addresses together. 0.1 is one in ten seconds. A second starts
   * with the first connection after the end of the previous one.
   *
   * @default no limit
   */
  readonly perSecond?: number | undefined;
}

/** Rules that are checked. */
export interface CheckedAdmitRules extends Omit<AdmitRules, 'allow' | 'deny'> {
  readonly allow: IpSet | undefined;
  readonly deny: IpSet | undefined;
}

const LIST: Rule = ['a list of addresses and ranges', (value) => Array.isArray(value)];
const RATE: Rule = ['a number of connections a second, more than 0', isRate, describeNumber];

/** The rules of `admit`, as an option of `caller`. */
const optionsOf = (caller: string): OptionSet => ({
  caller,
  prefix: 'admit.',
  rules: {
    allow: LIST,
    deny: LIST,
    perAddress: ['a number of connections, 1 or more', (value) => isCount(value) && value > 0, describeNumber],
    perAddressPerSecond: RATE,
    perSecond: RATE,
  },
});

function isRate(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < Infinity;
}

/**
 * Copies and checks the rules of the option `admit`.
 *
 * @param caller the function with the option, for messages.
 * @throws TypeError that names the wrong rule.
 */
export function checkAdmitRules(rules: AdmitRules, caller: string): CheckedAdmitRules {
  const { allow, deny, ...limits } = checkOptions(rules, optionsOf(caller));
  const setOf = (name: string, list: readonly string[] | undefined): IpSet | undefined =>
    list && new IpSet(parseIpRanges(list, { name: `admit.${name}`, caller }));
  return { ...limits, allow: setOf('allow', allow), deny: setOf('deny', deny) };
}

/** The checked option `admit`: rules, or an Observable of rules that are not checked yet. */
export type CheckedAdmit = CheckedAdmitRules | Observable<AdmitRules>;

/**
 * Checks the option `admit`. Values of an Observable are checked when they are emitted.
 *
 * @throws TypeError that names the wrong rule.
 */
export function checkAdmit(admit: AdmitRules | Observable<AdmitRules> | undefined, caller: string): CheckedAdmit | undefined {
  return admit === undefined || isObservable(admit) ? admit : checkAdmitRules(admit, caller);
}
