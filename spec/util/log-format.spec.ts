import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { asText, errorFacts, plainDetails } from '../../src/util/log-format.ts';

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('log-format', () => {
  it('selects the details that are strings, numbers or booleans', () => {
    const details = { layer: 'x', port: 7, reused: false, handle: {}, when: 1n, none: undefined, act: () => undefined };
    expect(plainDetails(details)).toStrictEqual({ layer: 'x', port: 7, reused: false });
  });

  it('converts any value to text', () => {
    for (const [value, text] of [
      ['a', 'a'],
      [1n, '1'],
      [undefined, 'undefined'],
      [Symbol('s'), 'Symbol(s)'],
      [Object.create(null), 'a value without text (object)'],
      [revoked(), 'a value without text (object)'],
    ] as const)
      expect(asText(value)).toBe(text);
  });

  it('reads the facts of any thrown value', () => {
    const error = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'reset' });
    expect(errorFacts(error)).toStrictEqual({ code: 'ECONNRESET', errno: -104, phase: 'read', message: 'reset [ECONNRESET]' });
    const none = { code: undefined, errno: undefined, phase: undefined };
    expect(errorFacts('why')).toStrictEqual({ ...none, message: 'why' });
    expect(errorFacts(undefined)).toStrictEqual({ ...none, message: 'undefined' });
    expect(errorFacts({ code: 5, errno: 1.5, phase: 7 })).toStrictEqual({ ...none, message: '[object Object]' });
    expect(errorFacts(Object.create(null))).toStrictEqual({ ...none, message: 'a value without text (object)' });
    expect(errorFacts(revoked())).toStrictEqual({ message: 'a value without text (object)' });
  });
});
