import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { waterfall } from '../../../examples/transfer/waterfall.ts';

const look = { columns: 40, color: false, unicode: true };
const phases = [
  { name: 'TCP', from: 0, to: 10 },
  { name: 'SOCKS5', from: 10, to: 15 },
  { name: 'TLS', from: 15, to: 20 },
];

describe('waterfall', () => {
  it('draws each phase from its start to its end, in proportion to the last end', () => {
    expect(waterfall(phases, { ...look, columns: 39 })).toBe(
      [
        'TCP    ██████████               10.0 ms', //
        'SOCKS5           █████           5.0 ms',
        'TLS                   █████      5.0 ms',
      ].join('\n'),
    );
  });

  it('draws a sliver for a phase that is too short to be seen, at its place', () => {
    const text = waterfall(
      [
        { name: 'a', from: 0, to: 0.01 },
        { name: 'b', from: 0.01, to: 99.99 },
        { name: 'c', from: 99.99, to: 100 },
      ],
      { ...look, columns: 24 },
    );
    expect(text).toBe('a ▏               0.0 ms\nb ██████████    100.0 ms\nc          ▏      0.0 ms');
  });

  it('draws with ASCII alone without Unicode', () => {
    expect(waterfall(phases, { ...look, unicode: false })).toMatch(/^[ -~\n]*$/);
  });

  it('makes no line longer than the terminal, at any width', () => {
    for (let columns = 12; columns <= 120; columns++)
      for (const line of waterfall(phases, { ...look, columns }).split('\n'))
        expect(line.length, `${columns} columns`).toBeLessThanOrEqual(columns);
  });

  it('changes the color only, not the text, with colors', () => {
    expect(stripVTControlCharacters(waterfall(phases, { ...look, color: true }))).toBe(waterfall(phases, look));
  });
});
