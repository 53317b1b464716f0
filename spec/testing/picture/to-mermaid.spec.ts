import { describe, expect, it } from 'vitest';
import { toMermaid, type RecordedEntry, type Recording } from 'rxjs-io-stream/testing';
import { backpressure, conversation, failedTest, reset } from './recordings.ts';

const entriesOf = (entries: readonly RecordedEntry[]): Recording => ({ entries, cut: false });

describe('toMermaid', () => {
  it('draws a recording around a plugin with three participants', () => {
    expect(toMermaid(conversation()).split('\n').slice(0, 8)).toEqual([
      'sequenceDiagram',
      '  participant app as application',
      '  participant plugin as knock',
      '  participant net as memory',
      '  net->>plugin: 0 ms: connected: memory',
      '  plugin->>net: 0 ms: data, 6 bytes: KNOCK↵',
      '  net-->>plugin: 20 ms: sent, 6 bytes',
      '  net->>plugin: 40 ms: data, 8 bytes: COME IN↵',
    ]);
  });

  it('draws a recording of a wire with two participants, and its error as a cross', () => {
    expect(toMermaid(reset())).toMatch(
      /participant net as memory\n.*\n {2}app->>net: 0 ms: data, 38 bytes: GET[^]*\n {2}net-xapp: 46 ms: error: ECONNRESET/,
    );
  });

  it('joins the data of a line, and bounds the arrows with a note that counts the rest', () => {
    const lines = toMermaid(backpressure(1250)).trimEnd().split('\n');
    expect(lines).toContain('  app->>net: 0 ms: 8 × data, 64 KiB');
    expect(lines.filter((line) => /^ {2}\w+-/.test(line))).toHaveLength(60);
    expect(lines.filter((line) => line.startsWith('  Note'))).toEqual([
      expect.stringMatching(/^ {2}Note over app,net: … 4,\d{3} more signals, 9\.\d MiB …$/),
    ]);
  });

  it('escapes all that has a meaning in Mermaid or would end a line', () => {
    const evil = 'x;\nend\n%%{init: {}}%%#quot;<b>&\u2028`"';
    const drawn = toMermaid(
      entriesOf([
        { at: 0, line: 'wire', signal: { kind: 'connected', details: [{ wire: evil }] } },
        { at: 0, line: 'wire', signal: { kind: 'data', bytes: new TextEncoder().encode(evil) } },
        { at: 0, line: 'wire', signal: { kind: 'error', code: evil, errno: 0, phase: undefined, message: evil } },
      ]),
    );
    expect(drawn.trimEnd().split('\n')).toHaveLength(6);
    expect(drawn.replace(/#\d+;|-+>>/g, '')).not.toMatch(/[;#%{}<>&"`\u2028]/);
  });

  it('draws a failed test with what is missing and what is unexpected', () => {
    const drawn = toMermaid(failedTest());
    expect(drawn).toContain('plugin->>net: 1 ms: data, 6 bytes: KNACK↵ (missing)');
    expect(drawn).toContain('plugin->>net: 1 ms: data, 6 bytes: KNOCK↵ (unexpected)');
    expect(drawn.match(/hello/g)).toHaveLength(2);
  });

  it('names the limit of a recording that was cut, and shows no bytes with `content: false`', () => {
    expect(toMermaid({ ...conversation(), cut: true })).toMatch(/\n {2}Note over app,net: cut here: the recording reached its limit\n$/);
    expect(toMermaid(conversation(), { content: false })).not.toMatch(/KNOCK|what time/);
  });
});
