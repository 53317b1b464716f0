import { describe, expect, it } from 'vitest';
import { FLAG, parseCommandLine, parsePort, TEXT } from '../../examples/support/command-line.ts';
import { parseTarget } from '../../examples/support/target.ts';

describe('parseCommandLine', () => {
  it('returns options and positional arguments', () => {
    const { values, positionals } = parseCommandLine({ host: TEXT, port: { ...TEXT, default: '7' }, local: FLAG }, [
      'a',
      '--host',
      'b',
      '--local',
      'c',
    ]);
    expect([{ ...values }, positionals]).toEqual([{ host: 'b', port: '7', local: true }, ['a', 'c']]);
  });

  it('throws a TypeError that names an unknown option, or one without its value', () => {
    expect(() => parseCommandLine({ host: TEXT }, ['--frob'])).toThrow(new TypeError("Unknown option '--frob'"));
    expect(() => parseCommandLine({ host: TEXT }, ['--host'])).toThrow(new TypeError("Option '--host <value>' argument missing"));
  });
});

describe('parsePort', () => {
  it('returns a number, and throws a TypeError for anything else', () => {
    expect(['0', '65535'].map((text) => parsePort(text))).toEqual([0, 65_535]);
    for (const wrong of [undefined, '', '-1', '65536', '7x', '0x7']) expect(() => parsePort(wrong)).toThrow(TypeError);
  });
});

describe('parseTarget', () => {
  it.each([
    ['a.test:7', { host: 'a.test', port: 7 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    ['::1:7', undefined],
    ['a.test', undefined],
    ['a.test:0', undefined],
    ['a.test:65536', undefined],
  ])('parses %s', (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });
});
