import { WriteStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { bar, cut, isDrawable, lookOf, paint } from '../../examples/support/terminal.ts';

const { hasColors } = WriteStream.prototype;
const terminal = { isTTY: true, columns: 100, hasColors };
const env = { TERM: 'xterm-256color', LANG: 'en_US.UTF-8' };

describe('lookOf', () => {
  it('shows colors and Unicode on a terminal', () => {
    expect(lookOf(terminal, env, 'linux')).toEqual({ columns: 100, color: true, unicode: true });
  });

  it.each([
    ['NO_COLOR', terminal, { ...env, NO_COLOR: '1' }],
    ['a stream that is no terminal', { ...terminal, isTTY: false }, env],
    ['a dumb terminal', terminal, { ...env, TERM: 'dumb' }],
  ])('shows no colors with %s', (_name, stream, variables) => {
    expect(lookOf(stream, variables, 'linux').color).toBe(false);
  });

  it.each([
    ['the console of Linux', { ...env, TERM: 'linux' }, 'linux'],
    ['the locale C', { ...env, LC_ALL: 'C' }, 'linux'],
    ['the old console of Windows', {}, 'win32'],
  ] as const)('shows ASCII with %s', (_name, variables, platform) => {
    expect(lookOf(terminal, variables, platform).unicode).toBe(false);
  });

  it('takes 80 columns for a terminal that reports none', () => {
    expect(lookOf({ ...terminal, columns: 0 }, env, 'linux').columns).toBe(80);
  });
});

describe('isDrawable', () => {
  it('is true for a terminal, unless it is dumb', () => {
    expect(isDrawable(terminal, env)).toBe(true);
    expect(isDrawable({ isTTY: false }, env)).toBe(false);
    expect(isDrawable(terminal, { TERM: 'dumb' })).toBe(false);
  });
});

describe('the drawing helpers', () => {
  const look = { columns: 80, color: false, unicode: true };

  it('fill a bar in proportion, and never more than the whole', () => {
    expect([0, 0.5, 1, 7, -1].map((share) => bar(share, 4, look))).toEqual(['░░░░', '██░░', '████', '████', '░░░░']);
    expect(bar(0.5, 4, { ...look, unicode: false })).toBe('##--');
  });

  it('cut a text to the width and mark the cut', () => {
    expect([cut('four', 4, look), cut('fives', 4, look), cut('fives', 4, { ...look, unicode: false })]).toEqual(['four', 'fiv…', 'fiv~']);
  });

  it('paint only where there are colors', () => {
    expect(paint('green', 'text', look)).toBe('text');
    expect(paint('green', 'text', { ...look, color: true })).toBe('\u001b[32mtext\u001b[39m');
  });
});
