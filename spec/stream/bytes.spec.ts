import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { asBuffer, toBytes } from '../../src/stream/bytes.ts';
import { describeValue } from '../../src/util/describe.ts';

describe('toBytes', () => {
  it('takes a string as UTF-8', () => {
    assert.equal(toBytes('é✓', 'x').toString('hex'), 'c3a9e29c93');
    assert.equal(toBytes('', 'x').length, 0);
  });

  it('takes any view over the same memory, without a copy', () => {
    const memory = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    for (const view of [
      new Uint8Array(memory, 2, 4),
      new Int16Array(memory, 2, 2),
      new DataView(memory, 2, 4),
      Buffer.from(memory, 2, 4),
    ]) {
      const bytes = toBytes(view, 'x');
      assert.ok(Buffer.isBuffer(bytes) && bytes.buffer === memory);
      assert.deepEqual([...bytes], [3, 4, 5, 6]);
    }
  });

  it('refuses anything else with a TypeError that names what it was for', () => {
    for (const wrong of [undefined, null, 5, {}, [1], new ArrayBuffer(1), Symbol('s'), () => {}]) {
      assert.throws(() => toBytes(wrong, '`outBuf`'), {
        name: 'TypeError',
        message: /^expected `outBuf` to be a string, a Buffer or another view of bytes, got /,
      });
    }
  });
});

describe('asBuffer', () => {
  it('gives a Buffer over the same memory', () => {
    const bytes = new Uint8Array([1, 2, 3]).subarray(1);
    const buffer = asBuffer(bytes);
    assert.ok(Buffer.isBuffer(buffer) && buffer.buffer === bytes.buffer);
    assert.deepEqual([...buffer], [2, 3]);
    assert.equal(asBuffer(buffer), buffer);
  });
});

describe('describeValue', () => {
  it('shows a value short, with its type', () => {
    assert.equal(describeValue('80'), '"80" (string)');
    assert.equal(describeValue(80), '80 (number)');
    assert.match(describeValue(NaN), /^NaN/);
    assert.equal(describeValue(undefined), 'undefined');
    assert.equal(describeValue(null), 'null');
    assert.equal(
      describeValue(() => {}),
      'a function',
    );
    assert.equal(describeValue([1, 2]), 'an array of 2');
    assert.match(describeValue(Object.create(null)), /^an object/);
    assert.equal(describeValue(new Map()), 'an object (Map)');
    assert.ok(describeValue('x'.repeat(1000)).length < 60);
  });
});
