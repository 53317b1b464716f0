import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { render, type Frame, type Row } from '../../../examples/transfer/render.ts';

const MIB = 2 ** 20;
const look = { columns: 80, color: false, unicode: true };
const row = (label: string, fact: string, facts: Partial<Row> = {}): Row => ({
  label,
  fact,
  isConnected: true,
  out: 38.2 * MIB,
  in: 37.9 * MIB,
  unsent: 65_536,
  ...facts,
});
const running: Frame = {
  share: 0.54,
  rows: [
    row('file', '64.0 MiB'),
    row('TLS', 'TLSv1.3, TLS_AES_256_GCM_SHA384'),
    row('CONNECT', '200 Connection established'),
    row('TCP', 'to 127.0.0.1 port 7', { unsent: 0 }),
  ],
};
const widths = (text: string): number[] => text.split('\n').map((line) => line.length);

describe('render', () => {
  it('draws a line for each layer with its rates and its queue, then the bar', () => {
    expect(render(running, look)).toBe(
      [
        '  layer             out            in      unsent',
        '● file       38.2 MiB/s    37.9 MiB/s    64.0 KiB  64.0 MiB',
        '● TLS        38.2 MiB/s    37.9 MiB/s    64.0 KiB  TLSv1.3, TLS_AES_256_GCM_SHA…',
        '● CONNECT    38.2 MiB/s    37.9 MiB/s    64.0 KiB  200 Connection established',
        '● TCP        38.2 MiB/s    37.9 MiB/s     0 bytes  to 127.0.0.1 port 7',
        `${'█'.repeat(41)}${'░'.repeat(34)}  54%`,
      ].join('\n'),
    );
  });

  it('marks the handshake in progress: that of the lowest layer that is not connected', () => {
    const connected = (...names: string[]): string[] => {
      const rows = running.rows.map((each) => ({ ...each, isConnected: names.includes(each.label) }));
      return render({ rows, share: 0 }, look)
        .split('\n')
        .slice(1, -1)
        .map((line) => line.slice(0, 1));
    };
    expect(connected()).toEqual(['○', '○', '○', '◐']);
    expect(connected('TCP')).toEqual(['○', '○', '◐', '●']);
    expect(connected('TCP', 'CONNECT', 'TLS')).toEqual(['◐', '●', '●', '●']);
  });

  it('shows exact totals and no bar at the end', () => {
    const rows = [row('file', '64.0 MiB', { out: 67_108_864, in: 67_108_864, unsent: 0 })];
    expect(render({ rows, share: undefined }, look)).toBe(
      '  layer           out            in      unsent\n● file     67,108,864    67,108,864     0 bytes  64.0 MiB',
    );
  });

  it('leaves out the queue and the facts on 40 columns', () => {
    expect(render(running, { ...look, columns: 40 })).toBe(
      [
        '  layer             out            in',
        '● file       38.2 MiB/s    37.9 MiB/s',
        '● TLS        38.2 MiB/s    37.9 MiB/s',
        '● CONNECT    38.2 MiB/s    37.9 MiB/s',
        '● TCP        38.2 MiB/s    37.9 MiB/s',
        `${'█'.repeat(19)}${'░'.repeat(16)}  54%`,
      ].join('\n'),
    );
  });

  it('makes no line longer than the terminal, at any width', () => {
    for (let columns = 5; columns <= 120; columns++)
      expect(Math.max(...widths(render(running, { ...look, columns }))), `${columns} columns`).toBeLessThanOrEqual(columns);
  });

  it('draws with ASCII alone without Unicode', () => {
    const rows = running.rows.map((each, index) => ({ ...each, isConnected: index > 1 }));
    const text = render({ rows, share: 0.5 }, { ...look, columns: 60, unicode: false });
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(text.match(/^\S/gm)).toEqual(['.', 'o', '*', '*', '#']);
  });

  it('changes the color only, not the text, with colors', () => {
    const text = render(running, { ...look, color: true });
    expect(text).toContain('\u001b[32m●');
    expect(stripVTControlCharacters(text)).toBe(render(running, look));
  });
});
