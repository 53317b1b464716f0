import { describe, expect, it } from 'vitest';
import { describeNumber } from '../../src/util/describe.ts';
import { checkOptions, type Rules } from '../../src/util/check-options.ts';

const RULES: Rules = {
  name: ['a string with something in it', (value) => typeof value === 'string' && value !== ''],
  size: ['a number of bytes', (value) => Number.isSafeInteger(value)],
};

describe('checkOptions', () => {
  const check =
    (options: unknown, required: readonly string[] = []) =>
    () =>
      checkOptions(options as object, { caller: 'tool', rules: RULES, required });

  it.each([{}, { name: 'x' }, { name: 'x', size: 0 }, { name: undefined }, Object.assign(Object.create(null), { size: 1 })])(
    'accepts %j',
    (options) => expect(check(options)).not.toThrow(),
  );

  it('requires the required options', () => {
    expect(check({ name: 'x' }, ['name'])).not.toThrow();
    for (const options of [{}, { name: undefined }])
      expect(check(options, ['name'])).toThrow('expected `name` of tool to be a string with something in it, got undefined');
  });

  it('returns a copy that inherits nothing', () => {
    const given = { name: 'x' };
    const copy = checkOptions(given, { caller: 'tool', rules: RULES });
    given.name = 'y';
    expect([copy.name, 'toString' in copy]).toEqual(['x', false]);
  });

  it('shows a wrong value only if its rule has a format', () => {
    const count: Rules = { count: ['a number', Number.isFinite, describeNumber] };
    expect(() => checkOptions({ count: NaN }, { caller: 'tool', rules: count })).toThrow(
      'expected `count` of tool to be a number, got NaN',
    );
    expect(() => checkOptions({ count: 'secret' }, { caller: 'tool', rules: count })).toThrow('got a string of 6 bytes');
  });

  it.each<[unknown, string]>([
    [undefined, 'expected an object of options for tool, got undefined'],
    [null, 'expected an object of options for tool, got null'],
    [[], 'expected an object of options for tool, got an array of 0'],
    ['proxy:1080', 'expected an object of options for tool, got a string of 10 bytes'],
    [{ toString: 1 }, 'unknown option `toString` (tool takes name, size)'],
    [{ nmae: 'x' }, 'unknown option `nmae`; did you mean `name`? (tool takes name, size)'],
    [{ name: '' }, 'got a string of 0 bytes'],
    [{ size: 'secret é' }, 'expected `size` of tool to be a number of bytes, got a string of 9 bytes'],
    [{ size: 1.5 }, 'got a number'],
    [{ size: null }, 'got null'],
    [{ size: ['secret'] }, 'got an array of 1'],
    [{ size: { secret: 1 } }, 'got an object'],
  ])('rejects %j', (options, message) => {
    expect(check(options)).toThrow(TypeError);
    expect(check(options)).toThrow(message);
    expect(check(options)).not.toThrow('secret');
  });

  it('starts the message of a wrong value with `usage`, and writes `prefix` before the name', () => {
    const set = { caller: 'tool', usage: 'usage: tool({ size })', prefix: 'limits.', rules: RULES };
    expect(() => checkOptions({ size: 1.5 }, set)).toThrow(
      'usage: tool({ size }): expected `limits.size` to be a number of bytes, got a number',
    );
    expect(() => checkOptions(undefined as never, set)).toThrow('usage: tool({ size }): expected an object of options, got undefined');
  });

  it('accepts other names without a rule, and lists them in words', () => {
    const others = { words: 'and names that start with x', accepts: (name: string) => name.startsWith('x') };
    expect(checkOptions({ xAny: 1 }, { caller: 'tool', rules: RULES, others })).toEqual({ xAny: 1 });
    expect(() => checkOptions({ other: 1 }, { caller: 'tool', rules: RULES, others })).toThrow(
      'unknown option `other` (tool takes name, size, and names that start with x)',
    );
  });
});
