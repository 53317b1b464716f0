import { describe, expect, it } from 'vitest';
import { frameBytes } from '../../src/codecs/frame-bytes.ts';
import { toBytes } from '../../src/stream/bytes.ts';
import { describeValue } from '../../src/util/describe.ts';

describe('describeValue', () => {
  it('returns a shortened value with its type', () => {
    expect(describeValue('80')).toBe('"80" (string)');
    expect(describeValue(80)).toBe('80 (number)');
    expect(describeValue(NaN)).toMatch(/^NaN/);
    expect(describeValue(undefined)).toBe('undefined');
    expect(describeValue(null)).toBe('null');
    expect(describeValue(() => {})).toBe('a function');
    expect(describeValue([1, 2])).toBe('an array of 2');
    expect(describeValue(Object.create(null))).toMatch(/^an object/);
    expect(describeValue(new Map())).toBe('an object (Map)');
    expect(describeValue('x'.repeat(1000)).length).toBeLessThan(60);
  });

  it.each(['socks5://me:hunter2@proxy:1080', 'me:hunter2@proxy', `${'x'.repeat(50)}hunter2@proxy`, 'https://proxy/?token=hunter2'])(
    'shows no more than the length of %j, which may be a URL with a password',
    (text) => expect(describeValue(text)).toBe(`a string of ${text.length} bytes`),
  );
});

describe('bytes to write', () => {
  it.each([48151623, 48151623n, { hunter2: 1 }, ['hunter2'], Symbol('hunter2')])(
    'are not shown in the error when they are of a wrong type: %s',
    (value) => {
      for (const call of [() => toBytes(value, '`data`'), () => frameBytes(value)]) {
        expect(call).toThrow(/got an? \w+/);
        expect(call).not.toThrow(/48151623|hunter2/);
      }
    },
  );
});
