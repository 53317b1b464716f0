import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/util/nearest.ts';

const known = ['host', 'port', 'timeouts', 'waitFor', 'highWaterMark', 'plugin', 'pass', 'pskCallback', 'outBuf', 'outBufLimit'];

describe('nearest', () => {
  it.each([
    ['tiemouts', 'timeouts'],
    ['timeout', 'timeouts'],
    ['hots', 'host'],
    ['prot', 'port'],
    ['wait_for', 'waitFor'],
    ['highwatermark', 'highWaterMark'],
    ['plugins', 'plugin'],
    ['password', 'pass'],
    ['outBufLimt', 'outBufLimit'],
  ])('takes %s for %s', (name, meant) => expect(nearest(name, known)).toBe(meant));

  it.each(['colour', 'x', '', 'secureConnect', 'SNICallback', 'p'.repeat(100_000)])('finds nothing near %j', (name) =>
    expect(nearest(name, known)).toBeUndefined(),
  );

  it('does not take a name for a short one that it starts with', () => expect(nearest('token', ['to', 'ca'])).toBeUndefined());

  it('finds nothing among no names', () => expect(nearest('host', [])).toBeUndefined());
});
