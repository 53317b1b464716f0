import assert from 'node:assert/strict';
import { it } from 'vitest';
import { same } from '../../src/testing/same.ts';

it('same compares by content', () => {
  const coded = (code: string): Error => Object.assign(new Error('x'), { code });
  const alike: [unknown, unknown][] = [
    [NaN, NaN],
    ['a', 'a'],
    [Buffer.from('ab'), Uint8Array.of(97, 98)],
    [
      { a: [1, { b: null }], c: undefined },
      { c: undefined, a: [1, { b: null }] },
    ],
    [coded('E'), coded('E')],
    [[], []],
  ];
  for (const [a, b] of alike) assert.equal(same(a, b), true);
  const others: [unknown, unknown][] = [
    [0, -0],
    [1, '1'],
    [null, {}],
    [Uint8Array.of(1), [1]],
    [Uint8Array.of(1), Uint8Array.of(1, 2)],
    [[1], { 0: 1 }],
    [[1, 2], [1]],
    [{ a: undefined }, { b: undefined }],
    [coded('E'), coded('F')],
    [new Error('x'), new Error('y')],
    [new Error('x'), {}],
  ];
  for (const [a, b] of others)
    for (const [x, y] of [
      [a, b],
      [b, a],
    ])
      assert.equal(same(x, y), false, String([x, y]));
});
