import { describe, expect, it } from 'vitest';
import { parseRecording } from '../../../src/testing/recording/parse-recording.ts';

const HEADER = 'rxjs-io-stream recording 1\n';

describe('parseRecording', () => {
  it('parses the text of a recording exactly', () => {
    const text = [
      'rxjs-io-stream recording 1',
      '0 app: pause',
      '0 app: resume',
      '0.125 wire: resolved a.test 127.0.0.1 4',
      '1 wire: connected [{"layer":"x","n":1},{}]',
      '1 to wire: data 00 7c 41 |.|A|',
      '1 to wire: data  ||',
      '2 wire: sent 3',
      '2 to app: end truncated',
      '2 app: end',
      '2 app: complete',
      '30000 wire: error ECONNRESET -104 read "a \\"b\\" \\n c"',
      '30000 to app: error - 0 - ""',
      '30000 to wire: unsubscribed',
      '30000 wire: error "ERR-X Y" -104 "a \\"phase\\"" "one\u2028two"',
      '30000 wire: error "-" 0 - "x"',
      '30000 wire: error "" 0 - "x"',
      'cut',
      '',
    ].join('\n');
    const recording = parseRecording(text);
    expect(String(recording)).toBe(text);
    expect(recording.cut).toBe(true);
    expect(recording.entries[4]).toStrictEqual({ at: 1, line: 'to wire', signal: { kind: 'data', bytes: Uint8Array.of(0, 0x7c, 0x41) } });
    const error = { kind: 'error', code: 'ECONNRESET', errno: -104, phase: 'read', message: 'a "b" \n c' };
    expect(recording.entries[10]?.signal).toStrictEqual(error);
    const odd = { kind: 'error', code: 'ERR-X Y', errno: -104, phase: 'a "phase"', message: 'one\u2028two' };
    expect(recording.entries[13]?.signal).toStrictEqual(odd);
    expect(recording.entries[11]?.signal).toStrictEqual({ kind: 'error', code: undefined, errno: 0, phase: undefined, message: '' });
  });

  it('parses the number of the connection in the second line, and no number in a text of an earlier version', () => {
    const text = `${HEADER}connection 12\n0 wire: connected []\n`;
    expect(parseRecording(text).id).toBe(12);
    expect(String(parseRecording(text))).toBe(text);
    expect(parseRecording(`${HEADER}0 wire: connected []\n`)).not.toHaveProperty('id');
    for (const wrong of [`${HEADER}connection 0\n`, `${HEADER}connection\n`, `${HEADER}0 wire: connected []\nconnection 12\n`])
      expect(() => parseRecording(wrong)).toThrow(/line [23] of the recording to be a time in ms/);
  });

  it('skips blank lines, comments and the readable text of data, and accepts CRLF', () => {
    const { entries, cut } = parseRecording(`${HEADER}\n// by hand\n5 wire: data 6869\r\n5 wire: data 68 |something else|\n`);
    expect(cut).toBe(false);
    expect(entries.map(({ signal }) => signal)).toStrictEqual([
      { kind: 'data', bytes: Uint8Array.of(0x68, 0x69) },
      { kind: 'data', bytes: Uint8Array.of(0x68) },
    ]);
  });

  it('reports the number of an invalid line, and what it expected there', () => {
    const wrong: [string, RegExp][] = [
      ['', /expected line 1 of the recording to be 'rxjs-io-stream recording 1', got ''/],
      ['rxjs-io-stream recording 2\n', /line 1 .* got 'rxjs-io-stream recording 2'/],
      [`${HEADER}\nwire: end`, /line 3 .* to be a time in ms, a line, a colon and a signal, got 'wire: end'/],
      [`${HEADER}5 up: end`, /line 2 .* a time in ms/],
      [`${HEADER}5 wire: end\n4 wire: complete`, /line 3 .* to be no earlier than the line before/],
      [`${HEADER}5 app: sent 3`, /to be a signal that 'app' carries, got '5 app: sent 3'/],
      [`${HEADER}5 wire: unsubscribed`, /a signal that 'wire' carries/],
      [`${HEADER}5 wire: knock`, /a signal that 'wire' carries/],
      [`${HEADER}5 wire: data 4`, /to be a whole 'data'/],
      [`${HEADER}5 wire: data zz`, /a whole 'data'/],
      [`${HEADER}5 wire: sent 0`, /a whole 'sent'/],
      [`${HEADER}5 wire: end early`, /a whole 'end'/],
      [`${HEADER}5 wire: connected {}`, /a whole 'connected'/],
      [`${HEADER}5 wire: connected [`, /a whole 'connected'/],
      [`${HEADER}5 wire: resolved a.test 1.2.3.4`, /a whole 'resolved'/],
      [`${HEADER}5 wire: error EPIPE`, /a whole 'error'/],
    ];
    for (const [text, message] of wrong)
      expect(() => parseRecording(text)).toThrow(expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }));
  });
});
