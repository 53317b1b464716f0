import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../../src/errors.ts';
import { record } from '../../../src/testing/recording/record.ts';
import { recordingOf, type Recording } from '../../../src/testing/recording/recording.ts';
import { toPcapng, type ToPcapngOptions } from '../../../src/testing/recording/to-pcapng.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { readBlocks, readPackets } from '../../support/read-pcapng.ts';
import { data } from '../../support/signal-text.ts';

const text = (...lines: readonly string[]): string => ['rxjs-io-stream recording 1', ...lines].join('\n');
const packetsOf = (recording: Recording | string, options?: ToPcapngOptions): string[] =>
  readPackets(toPcapng(recording, options)).map(({ at, direction, flags, payload, comment }) =>
    [at, direction, flags, payload, comment].filter((field) => field !== '' && field !== undefined).join(' '),
  );

const LINES = [
  '0 wire: resolved a.test 2001:db8::5 6',
  '1 wire: connected [{"wire":"tcp"}]',
  '2 app: data 48 49',
  '2 to wire: data 68 69',
  '2.5 wire: sent 2',
  '3 wire: data 6f 6b',
  '3 to app: connected [{"layer":"x"}]',
  '3 to app: data 4f 4b',
  '9 wire: error ECONNRESET -104 read "read ECONNRESET"',
  '9 to app: error ECONNRESET -104 read "read ECONNRESET"',
];

describe('toPcapng', () => {
  it('writes what passed below the plugin, with the recorded times and the end', () => {
    expect(packetsOf(text(...LINES))).toStrictEqual([
      '1 out SYN connection 1, dialled',
      '1 in SYN, ACK',
      '1 out ACK',
      '2 out PSH, ACK hi',
      '2.5 in ACK',
      '3 in PSH, ACK ok',
      '3 out ACK',
      '9 in RST, ACK ECONNRESET: read ECONNRESET',
    ]);
  });

  it('writes what passed above the plugin, at a date, as a connection that was accepted', () => {
    const lines = LINES.filter((line) => !line.includes('app: data 48'));
    expect(packetsOf(text(...lines), { side: 'app', role: 'server', start: 1_780_000_000_000 })).toStrictEqual([
      '1780000000003 in SYN connection 1, accepted',
      '1780000000003 out SYN, ACK',
      '1780000000003 in ACK',
      '1780000000003 in PSH, ACK OK',
      '1780000000003 out ACK',
      '1780000000009 in RST, ACK ECONNRESET: read ECONNRESET',
    ]);
  });

  it('has the address that was resolved, and placeholders for the others', () => {
    const [syn] = readPackets(toPcapng(text(...LINES)));
    expect(syn && [syn.from, syn.to]).toStrictEqual(['2001:db8::1 49153', '2001:db8::5 49151']);
  });

  it('has the number of the connection, if it was recorded', () => {
    expect(packetsOf(text('connection 42', ...LINES))[0]).toBe('1 out SYN connection 42, dialled');
  });

  it('writes a recording as it comes from `record`, and as its text', () => {
    const recordings: Recording[] = [];
    const { app, wire } = new PluginDriver(record({ sink: (recording) => recordings.push(recording) }));
    wire.connect();
    app.next(data('hello'));
    wire.fail(new IOStreamError('EPROTOCOL', { phase: 'read', message: 'no' }));
    const [recording = recordingOf([], false)] = recordings;
    expect(packetsOf(recording).map((packet) => packet.replace(/^[\d.]+ /, ''))).toStrictEqual([
      'out SYN connection 1, dialled',
      'in SYN, ACK',
      'out ACK',
      'out PSH, ACK hello',
      'in RST, ACK EPROTOCOL: no [EPROTOCOL]',
    ]);
    expect(packetsOf(String(recording))).toHaveLength(5);
  });

  it('writes the secrets before all packets', () => {
    const file = toPcapng(text(...LINES), { keylog: 'CLIENT_RANDOM 00 11\n' });
    expect(readBlocks(file).map(({ type }) => type)).toStrictEqual([0x0a0d0d0a, 1, 10, 6, 6, 6, 6, 6, 6, 6, 6]);
    expect(Buffer.from(file).includes('CLIENT_RANDOM 00 11\n')).toBe(true);
  });

  it('writes a valid file of a connection that was never open', () => {
    expect(readBlocks(toPcapng(text('0 wire: complete'))).map(({ type }) => type)).toStrictEqual([0x0a0d0d0a, 1]);
  });

  it.each<[string, object, string]>([
    ['another side', { side: 'ssl' }, "expected `side` of toPcapng to be 'wire' or 'app', got ssl"],
    ['another role', { role: 'peer' }, "expected `role` of toPcapng to be 'client' or 'server', got peer"],
    ['a date that is none', { start: NaN }, 'expected `start` of toPcapng to be milliseconds since 1970, 0 or more, got NaN'],
    ['secrets that are no text', { keylog: Buffer.from('secret') }, 'expected `keylog` of toPcapng to be text, got object'],
  ])('refuses %s', (_, options, message) => {
    expect(() => toPcapng(text(), options)).toThrow(new TypeError(message));
  });
});
