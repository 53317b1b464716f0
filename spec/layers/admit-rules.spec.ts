import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { checkAdmit, checkAdmitRules, type AdmitRules } from '../../src/layers/admit-rules.ts';
import { parseIp } from '../../src/protocol/ip-address.ts';

describe('the rules of admit', () => {
  it('are copied', () => {
    const rules = { allow: ['10.0.0.0/8'], perAddress: 3 };
    const checked = checkAdmitRules(rules, 'listen');
    rules.allow.push('0.0.0.0/0');
    rules.perAddress = 9;
    expect(checked.perAddress).toBe(3);
    expect(checked.allow?.find(parseIp('10.1.2.3')!)).toBe('10.0.0.0/8');
    expect(checked.allow?.find(parseIp('11.1.2.3')!)).toBeUndefined();
  });

  it.each<[rules: unknown, message: string]>([
    [{ allow: '10.0.0.0/8' }, 'expected `admit.allow` of listen to be a list of addresses and ranges, got a string of 10 bytes'],
    [{ allow: ['10.0.0.1/8'] }, 'expected `admit.allow[0]` of listen to be an IP address or a range such as 10.0.0.0/8'],
    [{ deny: ['::1', 'localhost'] }, 'expected `admit.deny[1]` of listen to be an IP address or a range such as 10.0.0.0/8'],
    [{ perAddress: 0 }, 'expected `admit.perAddress` of listen to be a number of connections, 1 or more, got 0'],
    [{ perAddress: 1.5 }, 'expected `admit.perAddress` of listen to be a number of connections, 1 or more, got 1.5'],
    [{ perSecond: 0 }, 'expected `admit.perSecond` of listen to be a number of connections a second, more than 0, got 0'],
    [{ perSecond: Infinity }, 'expected `admit.perSecond` of listen to be'],
    [
      { perSecond: '5' },
      'expected `admit.perSecond` of listen to be a number of connections a second, more than 0, got a string of 1 bytes',
    ],
    [{ perAddressPerSecond: -1 }, 'expected `admit.perAddressPerSecond` of listen to be'],
    [{ alow: [] }, 'unknown option `alow`; did you mean `allow`?'],
    [undefined, 'expected an object of options'],
    [[], 'expected an object of options'],
  ])('refuse %j', (rules, message) => {
    expect(() => checkAdmitRules(rules as AdmitRules, 'listen')).toThrow(TypeError);
    expect(() => checkAdmitRules(rules as AdmitRules, 'listen')).toThrow(message);
  });

  it('are checked when an Observable emits them, not before', () => {
    const rules$ = of({ perAddress: 0 });
    expect(checkAdmit(rules$, 'listen')).toBe(rules$);
    expect(checkAdmit(undefined, 'listen')).toBeUndefined();
    expect(() => checkAdmit({ perAddress: 0 }, 'listen')).toThrow(TypeError);
  });
});
