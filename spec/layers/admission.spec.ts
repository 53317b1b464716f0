import { describe, expect, it } from 'vitest';
import { Admission, Refusal, type Admitted } from '../../src/layers/admission.ts';
import { checkAdmitRules, type AdmitRules } from '../../src/layers/admit-rules.ts';

const admissionBy = (rules: AdmitRules): Admission => new Admission(checkAdmitRules(rules, 'listen'));
const rule = (verdict: Refusal | Admitted): string => (verdict instanceof Refusal ? verdict.rule : 'admitted');

function enter(admission: Admission, address: string | undefined, now = 0): Admitted {
  const verdict = admission.enter(address, now);
  if (verdict instanceof Refusal) throw verdict.toError({ address, port: 1 });
  return verdict;
}

describe('Admission', () => {
  it.each<[AdmitRules, address: string | undefined, verdict: string]>([
    [{}, '203.0.113.7', 'admitted'],
    [{ allow: ['203.0.113.0/24'] }, '203.0.113.7', 'admitted'],
    [{ allow: ['203.0.113.0/24'] }, '::ffff:203.0.113.7', 'admitted'],
    [{ allow: ['203.0.113.0/24'] }, '::ffff:cb00:7107', 'admitted'],
    [{ allow: ['203.0.113.0/24'] }, '203.0.114.7', 'allow'],
    [{ allow: ['0.0.0.0/0'] }, '2001:db8::1', 'allow'],
    [{ allow: [] }, '203.0.113.7', 'allow'],
    [{ deny: ['203.0.113.0/24'] }, '203.0.113.7', 'deny'],
    [{ deny: ['203.0.113.0/24'] }, '::ffff:203.0.113.7', 'deny'],
    [{ deny: ['203.0.113.0/24'] }, '203.0.114.7', 'admitted'],
    [{ allow: ['203.0.113.0/24'], deny: ['203.0.113.7'] }, '203.0.113.7', 'deny'],
    [{ deny: ['fe80::/10'] }, 'fe80::1%eth0', 'deny'],
    [{ allow: ['10.0.0.0/8'], deny: ['11.0.0.0/8'], perAddress: 1, perAddressPerSecond: 1 }, undefined, 'admitted'],
    [{ allow: ['0.0.0.0/0'] }, '', 'admit'],
  ])('by %j, of a connection from %s: %s', (rules, address, verdict) => {
    expect(rule(admissionBy(rules).enter(address, 0))).toBe(verdict);
  });

  it('admits none without rules, and all that are left by later rules', () => {
    const admission = new Admission(undefined);
    expect(rule(admission.enter('203.0.113.7', 0))).toBe('admit');
    admission.rules = checkAdmitRules({}, 'listen');
    expect(rule(admission.enter('203.0.113.7', 0))).toBe('admitted');
  });

  it('counts the open connections of each address', () => {
    const admission = admissionBy({ perAddress: 2 });
    const [first] = [enter(admission, '203.0.113.7'), enter(admission, '::ffff:203.0.113.7')];
    expect([rule(admission.enter('203.0.113.7', 0)), rule(admission.enter('203.0.113.8', 0))]).toEqual(['perAddress', 'admitted']);
    first.leave();
    expect([rule(admission.enter('203.0.113.7', 0)), rule(admission.enter('203.0.113.7', 0))]).toEqual(['admitted', 'perAddress']);
  });

  it('counts a /64 of IPv6 as one address', () => {
    const admission = admissionBy({ perAddress: 1 });
    enter(admission, '2001:db8:0:1::1');
    expect([rule(admission.enter('2001:db8:0:1:ffff::2', 0)), rule(admission.enter('2001:db8:0:2::1', 0))]).toEqual([
      'perAddress',
      'admitted',
    ]);
  });

  it('counts connections that were admitted before the limit was set', () => {
    const admission = admissionBy({});
    enter(admission, '203.0.113.7');
    admission.rules = checkAdmitRules({ perAddress: 1 }, 'listen');
    expect(rule(admission.enter('203.0.113.7', 0))).toBe('perAddress');
  });

  it('limits the connections of each address in a second, and those of all', () => {
    const admission = admissionBy({ perAddressPerSecond: 1, perSecond: 2 });
    const at = (address: string, now: number): string => rule(admission.enter(address, now));
    expect([at('203.0.113.7', 0), at('203.0.113.7', 1), at('203.0.113.8', 2), at('203.0.113.9', 3)]).toEqual([
      'admitted',
      'perAddressPerSecond',
      'admitted',
      'perSecond',
    ]);
    expect([at('203.0.113.7', 1000), at('203.0.113.9', 1000), at('203.0.113.10', 1000)]).toEqual(['admitted', 'admitted', 'perSecond']);
  });

  it('does not count refused connections against a limit', () => {
    const admission = admissionBy({ deny: ['203.0.113.8'], perAddress: 1, perAddressPerSecond: 2, perSecond: 2 });
    const first = enter(admission, '203.0.113.7');
    for (let each = 0; each < 10; each += 1) {
      expect(rule(admission.enter('203.0.113.7', 1))).toBe('perAddress');
      expect(rule(admission.enter('203.0.113.8', 1))).toBe('deny');
    }
    first.leave();
    expect(rule(admission.enter('203.0.113.7', 2))).toBe('admitted');
  });

  it('limits connections without an address by perSecond', () => {
    const admission = admissionBy({ perAddress: 1, perSecond: 2 });
    expect([1, 2, 3].map(() => rule(admission.enter(undefined, 0)))).toEqual(['admitted', 'admitted', 'perSecond']);
  });

  it('keeps nothing of 100,000 addresses after their connections have closed', () => {
    const admission = admissionBy({ perAddress: 10, perAddressPerSecond: 10 });
    for (let each = 0; each < 100_000; each += 1) enter(admission, `10.${each >> 16}.${(each >> 8) & 255}.${each & 255}`, each).leave();
    expect(admission.size).toBeLessThanOrEqual(1001);
    enter(admission, '203.0.113.7', 1_000_000).leave();
    expect(admission.size).toBe(1);
  });

  it('keeps nothing of 100,000 addresses that it refuses', () => {
    const admission = admissionBy({ deny: ['10.0.0.0/8'], perAddress: 10, perAddressPerSecond: 10 });
    for (let each = 0; each < 100_000; each += 1) admission.enter(`10.${each >> 16}.${(each >> 8) & 255}.${each & 255}`, 0);
    expect(admission.size).toBe(0);
  });

  it.each<[AdmitRules | undefined, address: string | undefined, message: string]>([
    [{ deny: ['203.0.113.0/24'] }, '203.0.113.7', '203.0.113.7 port 9 is blocked by `admit.deny`: it is in 203.0.113.0/24 [EBLOCKED]'],
    [{ allow: ['::1'] }, '::ffff:203.0.113.7', '203.0.113.7 port 9 is blocked by `admit.allow`: it is not in the list [EBLOCKED]'],
    [undefined, '203.0.113.7', '203.0.113.7 port 9 is blocked by `admit`: no rules have been emitted yet [EBLOCKED]'],
    [{}, '', 'a connection without an address is blocked by `admit`: the peer has left, and has no address [EBLOCKED]'],
  ])('names the rule of %j and the address %s in the error', (rules, address, message) => {
    const admission = new Admission(rules && checkAdmitRules(rules, 'listen'));
    const verdict = admission.enter(address, 0) as Refusal;
    expect(verdict.toError({ address, port: 9 })).toMatchObject({
      code: 'EBLOCKED',
      errno: -10700,
      phase: 'connect',
      rule: verdict.rule,
      message,
    });
  });

  it('names the limits in the error', () => {
    const reasons = [{ perAddress: 1 }, { perAddressPerSecond: 1 }, { perSecond: 1 }].map((rules) => {
      const admission = admissionBy(rules);
      enter(admission, '2001:db8::1');
      return (admission.enter('2001:db8::2', 0) as Refusal).reason;
    });
    expect(reasons).toEqual([
      '2001:db8::/64 has reached its limit of 1 open',
      '2001:db8::/64 has reached its limit of 1 a second',
      'the limit of 1 a second for all addresses is reached',
    ]);
  });
});
