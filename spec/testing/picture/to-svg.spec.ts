import { describe, expect, it } from 'vitest';
import { parseRecording, toSvg, type RecordedEntry, type Recording } from 'rxjs-io-stream/testing';
import { all, ofClass, readXml, textOf, type XmlElement } from './read-xml.ts';
import { backpressure, conversation, failedTest, reset } from './recordings.ts';

const drawn = (...args: Parameters<typeof toSvg>): XmlElement => readXml(toSvg(...args));
const labels = (svg: XmlElement, className: string): string[] => ofClass(svg, 'text', className).map(textOf);
const recordingOf = (...lines: readonly string[]): string => ['rxjs-io-stream recording 1', ...lines, ''].join('\n');
const xOf = ({ attributes }: XmlElement): number => Number(attributes.x);
const entriesOf = (entries: readonly RecordedEntry[]): Recording => ({ entries, cut: false });

describe('toSvg', () => {
  it('draws the four lanes of a recording around a plugin, with their bytes, and the layers between them', () => {
    const svg = drawn(conversation());
    expect(labels(svg, 'name')).toEqual(['connect', 'knock', 'transfer', 'close', '▸ app', '▸ to wire', '◂ wire', '◂ to app']);
    expect(labels(svg, 'strip-text')).toEqual(['knock', 'memory', 'knock']);
    expect(labels(svg, 'label')).toEqual([
      'what time is it?↵',
      'KNOCK↵',
      'what time is it?↵',
      'COME IN↵',
      'half past nine↵',
      'half past nine↵',
    ]);
    expect(labels(svg, 'symbol').join('')).toBe('E|E|CE|CE|');
    expect(labels(svg, 'total')).toEqual(['17 bytes', '≤ 17 bytes', '23 bytes', '≤ 17 bytes', '23 bytes', '15 bytes']);
  });

  it('draws the two lanes of a recording of a wire', () => {
    expect(labels(drawn(reset()), 'name').slice(-2)).toEqual(['▸ to wire', '◂ wire']);
  });

  it('draws the phases in the order of time, each from the end of the one before it', () => {
    const text = recordingOf(
      '5 wire: resolved example.test 192.0.2.1 4',
      '20 wire: connected [{"wire":"tcp"}]',
      '50 to app: connected [{"layer":"tls"},{"wire":"tcp"}]',
      '90 app: complete',
      '100 to app: complete',
    );
    const titles = ofClass(drawn(text), 'rect', 'phase').map(textOf);
    expect(titles).toEqual([
      'resolve: 5 ms, from 0 ms',
      'connect: 15 ms, from 5 ms',
      'tls: 30 ms, from 20 ms',
      'transfer: 40 ms, from 50 ms',
      'close: 10 ms, from 90 ms',
    ]);
    expect(labels(drawn(text), 'title')).toEqual(['A connection to example.test']);
  });

  it('draws only the transfer if the recording starts when the connection is open', () => {
    const phases = (...lines: readonly string[]): string[] => ofClass(drawn(recordingOf(...lines)), 'rect', 'phase').map(textOf);
    expect(phases('10 to app: data 68 69 |hi|', '30 app: data 68 69 |hi|', '90 app: complete', '100 to app: complete')).toEqual([
      'transfer: 90 ms, from 0 ms',
      'close: 10 ms, from 90 ms',
    ]);
    expect(phases('10 to wire: data 68 69 |hi|', '20 wire: sent 2')).toEqual(['transfer: 20 ms, from 0 ms']);
    expect(phases('10 to wire: data 68 69 |hi|')).toEqual(['transfer: 10 ms, from 0 ms']);
    expect(phases('10 wire: sent 2', '20 wire: error ECONNRESET -104 data "reset"')).toEqual(['transfer: 20 ms, failed, from 0 ms']);
  });

  it('draws no phase "connect" if the recording starts between the connection of the wire and that of the plugin', () => {
    const text = recordingOf('10 wire: data 16 |.|', '40 to app: connected [{"layer":"tls"},{"wire":"tcp"}]', '50 to app: data 68 |h|');
    expect(ofClass(drawn(text), 'rect', 'phase').map(textOf)).toEqual(['handshakes: 40 ms, from 0 ms', 'transfer: 10 ms, from 40 ms']);
  });

  it('draws the phase "connect" of a recording without the lines of the wire', () => {
    const text = recordingOf('40 to app: connected [{"layer":"tls"},{"wire":"tcp"}]', '50 to app: data 68 |h|');
    expect(ofClass(drawn(text), 'rect', 'phase').map(textOf)).toEqual(['connect: 40 ms, from 0 ms', 'transfer: 10 ms, from 40 ms']);
  });

  it('marks the phase that an error has ended, and names its code', () => {
    const svg = drawn(reset());
    expect(ofClass(svg, 'rect', 'failed').map(textOf)).toEqual(['transfer: 46 ms, failed, from 0 ms']);
    expect(labels(svg, 'bad')).toEqual(['ECONNRESET', 'ECONNRESET']);
    const refused = recordingOf('3 wire: error ECONNREFUSED -111 connect "refused"');
    expect(ofClass(drawn(refused), 'rect', 'failed').map(textOf)).toEqual(['connect: 3 ms, failed, from 0 ms']);
  });

  it('takes a title, and phases that were measured elsewhere', () => {
    const phases = [
      { name: 'SOCKS5', from: 0, to: 10 },
      { name: 'TLS', from: 10, to: 200 },
    ];
    const svg = drawn(conversation(), { title: 'Mine', phases });
    expect(labels(svg, 'title')).toEqual(['Mine']);
    expect(ofClass(svg, 'rect', 'phase').map(textOf)).toEqual(['SOCKS5: 10 ms, from 0 ms', 'TLS: 190 ms, from 10 ms']);
  });

  it('hatches the lane that a pause in the other direction holds back', () => {
    const svg = drawn(
      recordingOf(
        '0 wire: connected []',
        '10 to wire: pause',
        '30 to wire: resume',
        '40 wire: data 61 |a|',
        '50 to wire: pause',
        '60 wire: complete',
      ),
    );
    expect(ofClass(svg, 'rect', 'paused').map(textOf)).toEqual(['paused from 10 ms to 30 ms', 'paused from 50 ms to 60 ms']);
    const [base] = ofClass(svg, 'path', 'base').slice(1);
    const [span] = ofClass(svg, 'rect', 'paused');
    // On the second lane, `wire`: above its baseline.
    expect(Number(span?.attributes.y) + Number(span?.attributes.height)).toBeCloseTo(
      Number(/ (\d+)/.exec(base?.attributes.d ?? '')?.[1]),
      0,
    );
  });

  it('draws what was written and not yet sent, and its peak', () => {
    const svg = drawn(
      recordingOf('0 wire: connected []', '1 to wire: data 61 62 63 |abc|', '5 wire: sent 2', '9 wire: sent 1', '9 wire: complete'),
    );
    expect(ofClass(svg, 'path', 'unsent').map(textOf)).toEqual(['written and not yet sent: at most 3 bytes']);
    expect(labels(svg, 'total')).toEqual(['3 bytes', '≤ 3 bytes']);
    expect(ofClass(svg, 'path', 'sent').map(textOf)).toEqual(['5 ms: sent, 2 bytes', '9 ms: sent, 1 byte']);
  });

  it('draws bars that are higher for more bytes, and beside each other in one moment', () => {
    const svg = drawn(
      recordingOf('0 wire: connected []', '5 wire: data 61 |a|', '5 wire: data 61 61 61 61 61 61 |aaaaaa|', '6 wire: complete'),
    );
    const bars = ofClass(svg, 'rect', 'bar');
    expect(Number(bars[1]?.attributes.height)).toBeGreaterThan(Number(bars[0]?.attributes.height) + 5);
    expect(bars.map(xOf)[1]).toBeGreaterThan((bars.map(xOf)[0] ?? 0) + 9);
  });

  it('draws a long wait as a break with its length', () => {
    const svg = drawn(recordingOf('0 wire: connected []', '5 wire: data 61 |a|', '3605 wire: data 62 |b|', '3610 wire: complete'));
    expect(ofClass(svg, 'rect', 'break').map(textOf)).toEqual(['a wait of 3.6 s']);
    expect(ofClass(drawn(conversation()), 'rect', 'break')).toEqual([]);
  });

  it('stays within its frame with twenty long waits', () => {
    const lines = Array.from({ length: 20 }, (_, n) => [`${n * 1000} app: data 61 |a|`, `${n * 1000 + 1} to app: sent 1`]).flat();
    const svg = drawn(recordingOf(...lines));
    const rects = all(svg, 'rect').map(({ attributes: { x, width } }) => Number(x) + Number(width));
    expect(ofClass(svg, 'rect', 'break')).toHaveLength(19);
    expect(Math.max(...rects)).toBeLessThanOrEqual(960);
    expect(Math.max(...ofClass(svg, 'rect', 'phase').map(({ attributes: { x, width } }) => Number(x) + Number(width)))).toBeLessThanOrEqual(
      852,
    );
  });

  it('draws two lanes of a recording without the lines of the wire, and all layers between them', () => {
    const svg = drawn(recordingOf('40 to app: connected [{"layer":"tls"},{"wire":"tcp"}]', '50 to app: data 68 |h|'));
    expect(labels(svg, 'name').slice(-2)).toEqual(['▸ app', '◂ to app']);
    expect(labels(svg, 'strip-text')).toEqual(['tls ⇄ tcp']);
  });

  it('draws what a failed test of marbles expected beside what it got, and what differs in red', () => {
    const svg = drawn(failedTest());
    expect(labels(svg, 'name')).toEqual([
      '▸ app',
      '▸ to wire, expected',
      '▸ to wire, actual',
      '◂ wire',
      '◂ to app, expected',
      '◂ to app, actual',
    ]);
    expect(ofClass(svg, 'rect', 'missing').map(textOf)).toEqual(['1 ms: data, 6 bytes: KNACK↵ (missing)']);
    expect(ofClass(svg, 'rect', 'unexpected').map(textOf)).toEqual(['1 ms: data, 6 bytes: KNOCK↵ (unexpected)']);
    expect(textOf(ofClass(svg, 'text', 'dim')[0] ?? svg)).toContain('2 differ from the diagram');
    // Equal signals of both lines are below each other.
    const [expected, actual] = ofClass(svg, 'rect', 'bar')
      .filter((bar) => textOf(bar).endsWith(': hi'))
      .slice(-2);
    expect(expected && actual && xOf(expected)).toBe(actual && xOf(actual));
  });

  it('has a title and a description, and neither a script nor a link', () => {
    const svg = drawn(conversation());
    expect(svg.attributes).toMatchObject({ role: 'img', viewBox: expect.stringMatching(/^0 0 960 \d+$/) as unknown });
    const [title, description] = svg.children.filter((child) => typeof child === 'object');
    expect([title?.name, description?.name]).toEqual(['title', 'desc']);
    expect(title && textOf(title)).toBe('A connection');
    expect(description && textOf(description)).toBe(
      '19 signals in 120 ms · 17 bytes out, 15 bytes in. connect 0 ms; knock 40 ms; transfer 80 ms; close 0 ms',
    );
    const everything = toSvg(conversation());
    expect(everything).toContain('prefers-color-scheme:dark');
    expect(everything.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/<script|href|https?:|\bon\w+=/i);
  });

  it('escapes what comes from a peer: bytes, names, messages and details', () => {
    const evil = '</title><script>alert(1)</script>"\'&]]>\u0000\ud800\ufffe';
    const bytes = new TextEncoder().encode(evil);
    const recording = entriesOf([
      { at: 0, line: 'wire', signal: { kind: 'resolved', host: evil, ip: evil, family: 4 } },
      { at: 1, line: 'wire', signal: { kind: 'connected', details: [{ layer: evil }, { wire: evil }] } },
      { at: 2, line: 'wire', signal: { kind: 'data', bytes } },
      { at: 3, line: 'wire', signal: { kind: 'error', code: evil, errno: 0, phase: undefined, message: evil } },
    ]);
    for (const svg of [toSvg(recording), toSvg(recording, { title: evil, phases: [{ name: evil, from: 0, to: 1 }] })]) {
      expect(all(readXml(svg), 'script')).toEqual([]);
      // eslint-disable-next-line no-control-regex -- not allowed in XML
      expect(svg).not.toMatch(/[\u0000-\u0008\ufffe]|\ud800/);
    }
  });

  it('draws 5,000 signals and 200,000 in a size that has a limit', () => {
    const many = backpressure(1250);
    expect(many.entries.length).toBeGreaterThan(4900);
    const svg = toSvg(many);
    readXml(svg);
    expect(svg.length).toBeLessThan(100_000);
    const lines = ['app', 'to wire', 'wire', 'to app'] as const;
    const bytes = new Uint8Array(10);
    const entries = Array.from({ length: 200_000 }, (_, at): RecordedEntry => {
      const signal =
        at % 3 === 0 ? ({ kind: 'data', bytes } as const) : at % 3 === 1 ? ({ kind: 'pause' } as const) : ({ kind: 'resume' } as const);
      return { at: at / 10, line: lines[(at + Math.floor(at / 12)) % 4] ?? 'app', signal };
    });
    expect(toSvg(entriesOf(entries)).length).toBeLessThan(200_000);
  });

  it('draws how many bytes passed, and none of them, with `content: false`', () => {
    const svg = toSvg(conversation(), { content: false });
    expect(labels(readXml(svg), 'label')).toContain('17 bytes');
    expect(svg).not.toMatch(/KNOCK|what time|half past/);
  });

  it('draws a recording without a signal, and one that was cut', () => {
    expect(labels(drawn(entriesOf([])), 'dim')[0]).toBe('0 signals in 0 ms · 0 bytes out, 0 bytes in');
    expect(labels(drawn(parseRecording(recordingOf('1 wire: complete', 'cut'))), 'dim')[0]).toContain(
      'cut: the recording reached its limit',
    );
  });

  it('throws a TypeError for what it cannot draw, and for an unknown option', () => {
    expect(() => toSvg(5 as never)).toThrow(new TypeError('expected a recording, its text, or a result of marbles for toSvg, got 5'));
    expect(() => toSvg('nonsense')).toThrow("expected line 1 of the recording to be 'rxjs-io-stream recording 1', got 'nonsense'");
    expect(() => toSvg(conversation(), { titel: 'x' } as never)).toThrow('unknown option `titel`');
  });
});
