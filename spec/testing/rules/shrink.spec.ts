import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { shrink } from '../../../src/testing/rules/shrink.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (each: Uint8Array): string => Buffer.from(each).toString();

describe('shrink', () => {
  it('leaves only what makes it fail, and makes the rest plain', () => {
    assert.equal(text(shrink(bytes('some bytes: x, and y here'), (each) => /x.*y/.test(text(each)))), 'xy');
    assert.equal(text(shrink(bytes('0123456789'), (each) => each.length > 4)), 'aaaaa');
  });

  it('gives back what cannot be made shorter', () => {
    assert.equal(text(shrink(bytes('abc'), (each) => text(each) === 'abc')), 'abc');
    assert.equal(shrink(bytes('abc'), () => true).length, 0);
  });
});
