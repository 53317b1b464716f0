import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { asText, errorFacts, plainDetails } from '../../src/util/log-format.ts';

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('in-log', () => {
  it('keeps of details what can be read', () => {
    const details = { layer: 'x', port: 7, reused: false, handle: {}, when: 1n, none: undefined, act: () => undefined };
    assert.deepEqual(plainDetails(details), { layer: 'x', port: 7, reused: false });
  });

  it('makes text of any value', () => {
    for (const [value, text] of [
      ['a', 'a'],
      [1n, '1'],
      [undefined, 'undefined'],
      [Symbol('s'), 'Symbol(s)'],
      [Object.create(null), 'a value without text (object)'],
      [revoked(), 'a value without text (object)'],
    ] as const)
      assert.equal(asText(value), text);
  });

  it('tells the facts of an error, whatever was thrown', () => {
    const error = new IOStreamError('ECONNRESET', { phase: 'read', errno: -104, message: 'reset' });
    assert.deepEqual(errorFacts(error), { code: 'ECONNRESET', errno: -104, phase: 'read', message: 'reset' });
    const none = { code: undefined, errno: undefined, phase: undefined };
    assert.deepEqual(errorFacts('why'), { ...none, message: 'why' });
    assert.deepEqual(errorFacts(undefined), { ...none, message: 'undefined' });
    assert.deepEqual(errorFacts({ code: 5, errno: 1.5, phase: 7 }), { ...none, message: '[object Object]' });
    assert.deepEqual(errorFacts(Object.create(null)), { ...none, message: 'a value without text (object)' });
    assert.deepEqual(errorFacts(revoked()), { message: 'a value without text (object)' });
  });
});
