import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/protocol/http-challenge.ts';
import { cpuTime } from '../support/cpu-time.ts';

describe('parseChallenges', () => {
  it.each([
    ['', []],
    ['Basic', [{ scheme: 'Basic', params: {} }]],
    ['Basic realm="a b"', [{ scheme: 'Basic', params: { realm: 'a b' } }]],
    ['Basic Realm = simple , charset="UTF-8"', [{ scheme: 'Basic', params: { realm: 'simple', charset: 'UTF-8' } }]],
    [
      'Digest realm="r", nonce="n,=\\"x\\\\", qop="auth,auth-int", stale=FALSE, Basic realm="simple"',
      [
        { scheme: 'Digest', params: { realm: 'r', nonce: 'n,="x\\', qop: 'auth,auth-int', stale: 'FALSE' } },
        { scheme: 'Basic', params: { realm: 'simple' } },
      ],
    ],
    [
      'Negotiate YWJj==, NTLM, Bearer scope="x"',
      [
        { scheme: 'Negotiate', params: {}, token68: 'YWJj==' },
        { scheme: 'NTLM', params: {} },
        { scheme: 'Bearer', params: { scope: 'x' } },
      ],
    ],
    [', ,Basic realm="",,', [{ scheme: 'Basic', params: { realm: '' } }]],
    ['Basic __proto__="x"', [{ scheme: 'Basic', params: Object.fromEntries([['__proto__', 'x']]) }]],
  ])('reads %j', (value, expected) => expect(parseChallenges(value)).toEqual(expected));

  it.each([
    ['realm="x"', []],
    ['Basic realm="x', [{ scheme: 'Basic', params: {} }]],
    ['Basic realm="x" ???', [{ scheme: 'Basic', params: { realm: 'x' } }]],
  ])('reads %j as far as it understands it', (value, expected) => expect(parseChallenges(value)).toEqual(expected));

  it('is quick with what no challenge looks like', () => {
    const start = cpuTime();
    for (const part of ['a', 'a ', '=', '"', 'a="', '\\', ',', 'a/=']) parseChallenges(`Basic ${part.repeat(16_000 / part.length)}`);
    expect(cpuTime() - start).toBeLessThan(1000);
  });
});
