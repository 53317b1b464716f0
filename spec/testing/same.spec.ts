import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { same } from '../../src/testing/same.ts';

class Point {
  readonly x: number;

  constructor(x: number) {
    this.x = x;
  }
}

it('same compares by content and class', () => {
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
    [new Date(5), new Date(5)],
    [new Date(NaN), new Date(NaN)],
    [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])],
    [new Set([1, [2]]), new Set([1, [2]])],
    [new Point(1), new Point(1)],
    [Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    [runInNewContext('({ a: [1] })'), { a: [1] }],
  ];
  for (const [a, b] of alike) expect(same(a, b)).toBe(true);
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
    [new Date(5), new Date(6)],
    [new Date(5), {}],
    [new Map([['a', 1]]), new Map([['a', 2]])],
    [new Map([['a', 1]]), new Map()],
    [new Map(), new Set()],
    [new Set([1]), new Set([2])],
    [new Point(1), { x: 1 }],
  ];
  for (const [a, b] of others)
    for (const [x, y] of [
      [a, b],
      [b, a],
    ])
      expect(same(x, y), String([x, y])).toBe(false);
});
