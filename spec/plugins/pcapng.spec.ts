import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { pcapng, type Pcapng, type PcapngOptions } from '../../src/plugins/pcapng.ts';
import { checkPlugin } from '../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../src/testing/rules/clock.ts';
import { testDial, type TestDialOptions } from '../../src/testing/test-dial.ts';
import { withEndpoints } from '../../src/wire/endpoints.ts';
import type { Endpoints, Up } from '../../src/wire/signal.ts';
import { unhandled } from '../stream/tools.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { readBlocks, readPackets, type Packet } from '../support/read-pcapng.ts';
import { data, inWords, sent } from '../support/signal-text.ts';
import { spec } from '../support/spec.ts';

/** A capture, and the drivers of its connections. */
class Capture {
  readonly clock = new Clock();
  readonly plugin: Pcapng;
  readonly #blocks: Uint8Array[] = [];

  constructor(options: Partial<PcapngOptions> = {}) {
    this.plugin = pcapng({ sink: (block) => this.#blocks.push(block), ...options });
  }

  get file(): Uint8Array {
    return Buffer.concat(this.#blocks);
  }

  get packets(): Packet[] {
    return readPackets(this.file);
  }

  /** The packets after the handshake, such as `out PSH, ACK 2,1 abc`: bytes from 2 on of ours, and byte 1 of the peer is expected. */
  get words(): string[] {
    const [{ sequence: start } = { sequence: 0 }] = this.packets;
    return this.packets.slice(3).map(({ direction, flags, sequence, acknowledgment, payload, window, comment }) => {
      const bytes = payload === '' ? '' : ` ${payload}`;
      const about = comment === undefined ? '' : ` (${comment})`;
      return `${direction} ${flags} ${sequence - start - 1},${acknowledgment - start - 1}${bytes}${window === 0 ? ' closed' : ''}${about}`;
    });
  }

  dial(options: TestDialOptions = {}): PluginDriver {
    const dial = { ...testDial({ scheduler: this.clock, to: { host: 'a.test', port: 80 }, ...options }), id: 7 };
    return new PluginDriver(this.plugin, { dial });
  }

  /** Dials, and connects. */
  connect(endpoints?: Endpoints, options: TestDialOptions = {}): PluginDriver {
    const driver = this.dial(options);
    driver.wire.emit(connected(endpoints));
    return driver;
  }
}

const connected = (endpoints?: Endpoints): Up => ({ kind: 'connected', details: [withEndpoints({ wire: 'scripted' }, endpoints)] });
const V4 = { localAddress: '198.51.100.1', localPort: 50_000, remoteAddress: '203.0.113.9', remotePort: 443 };
const V6 = { localAddress: 'fe80::1%eth0', localPort: 50_000, remoteAddress: '2001:db8::9', remotePort: 443 };
const ends = ({ from, to }: Packet): string => `${from} > ${to}`;

describe('pcapng', () => {
  spec('keeps the rules of a plugin', async () => {
    (await checkPlugin(pcapng({ sink: () => {} }), [])).assert();
  });

  spec('keeps the rules about order with secrets, for which it writes inbound chunks later', async () => {
    (await checkPlugin(pcapng({ sink: () => {}, secrets: true }), [], { rules: [2, 9, 10, 11] })).assert();
  });

  spec('keeps the rules of a plugin when its sink throws', async () => {
    const fail = (): never => {
      throw new Error('disk full');
    };
    // Without 5, which would find what the sink reports to config.onUnhandledError.
    (await checkPlugin(pcapng({ sink: fail }), [], { rules: [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12] })).assert();
  });

  it('starts the file with one section and one interface before the first packet, and writes whole blocks', () => {
    const sizes: number[] = [];
    const capture = new Capture();
    const plugin = pcapng({ sink: (block) => sizes.push(readBlocks(block).length) });
    const driver = new PluginDriver(plugin, { dial: testDial() });
    expect(sizes).toStrictEqual([]);
    driver.wire.connect();
    expect(sizes).toStrictEqual([2, 1, 1, 1]);
    capture.connect();
    capture.connect();
    expect(readBlocks(capture.file).map(({ type }) => type)).toStrictEqual([0x0a0d0d0a, 1, 6, 6, 6, 6, 6, 6]);
  });

  it('shows a dialled connection from the handshake to both ends', () => {
    const capture = new Capture();
    const { app, wire } = capture.connect(V4, { layer: 'wire' });
    app.next(data('hello'));
    wire.emit(sent(2), sent(3), data('bye'), { kind: 'end' });
    app.next({ kind: 'end' });
    app.complete();
    wire.complete();
    const [syn, synAck, ack] = capture.packets;
    expect([syn, synAck, ack].map((packet) => packet && `${packet.direction} ${packet.flags} ${ends(packet)}`)).toStrictEqual([
      'out SYN 198.51.100.1 50000 > 203.0.113.9 443',
      'in SYN, ACK 203.0.113.9 443 > 198.51.100.1 50000',
      'out ACK 198.51.100.1 50000 > 203.0.113.9 443',
    ]);
    expect(syn?.comment).toBe('connection 7 at wire, dialled to a.test port 80');
    expect(capture.words).toStrictEqual([
      'out PSH, ACK 0,0 hello',
      'in ACK 0,2',
      'in ACK 0,5',
      'in PSH, ACK 0,5 bye',
      'out ACK 5,3',
      'in FIN, ACK 3,5',
      'out ACK 5,4',
      'out FIN, ACK 5,4',
      'in ACK 4,6',
    ]);
  });

  it('shows an accepted connection as dialled by the peer', () => {
    const capture = new Capture();
    capture.connect(V4, { to: undefined });
    const [syn] = capture.packets;
    expect(syn && [syn.direction, syn.flags, ends(syn), syn.comment]).toStrictEqual([
      'in',
      'SYN',
      '203.0.113.9 443 > 198.51.100.1 50000',
      'connection 7, accepted',
    ]);
  });

  it('has the times of the scheduler, in milliseconds', () => {
    const capture = new Capture();
    const { app } = capture.connect();
    const start = capture.clock.now();
    capture.clock.advance(1500);
    app.next(data('x'));
    expect(capture.packets.map(({ at }) => at - start)).toStrictEqual([0, 0, 0, 1500]);
  });

  it.each<[string, (driver: PluginDriver) => void, string[]]>([
    ['by a reset', ({ app }) => app.error(new Error('enough\u001b[31m')), [String.raw`out RST, ACK 0,0 (enough\u001b[31m)`]],
    [
      'by an error of the wire',
      ({ wire }) => wire.fail(new IOStreamError('ECONNRESET', { phase: 'read', message: 'read ECONNRESET' })),
      ['in RST, ACK 0,0 (ECONNRESET: read ECONNRESET [ECONNRESET])'],
    ],
    ['by unsubscribing', (driver) => driver.unsubscribe(), ['out RST, ACK 0,0 (unsubscribed)']],
    ['truncated', ({ wire }) => wire.emit({ kind: 'end', truncated: true }), ['in FIN, ACK 0,0 (truncated)', 'out ACK 0,1']],
    [
      'by our close, after which a wire does not report the end of the peer',
      ({ app, wire }) => {
        app.complete();
        wire.complete();
      },
      ['out FIN, ACK 0,0', 'in ACK 0,1', 'in FIN, ACK 0,1 (the wire has completed)', 'out ACK 1,1'],
    ],
  ])('shows an end %s', (_, end, words) => {
    const capture = new Capture();
    const driver = capture.connect();
    end(driver);
    driver.unsubscribe();
    expect(capture.words.filter((word) => !word.includes('unsubscribed') || words.includes(word))).toStrictEqual(words);
  });

  it('writes nothing after the end, and nothing of a connection that was never open', () => {
    const capture = new Capture();
    const { app, wire } = capture.connect();
    wire.fail(new Error('enough'));
    app.next(data('late'));
    wire.emit(data('late'));
    const failed = capture.dial();
    failed.app.next({ kind: 'pause' });
    failed.wire.fail(new Error('refused'));
    expect(capture.words).toHaveLength(1);
  });

  it('splits chunks into packets of IP, and pushes the last one', () => {
    const capture = new Capture();
    const { app } = capture.connect();
    app.next({ kind: 'data', bytes: new Uint8Array(131_000) });
    app.next({ kind: 'data', bytes: new Uint8Array(0) });
    const packets = capture.packets.slice(3);
    expect(packets.map(({ flags, payload }) => [flags, payload.length])).toStrictEqual([
      ['ACK', 65_495],
      ['ACK', 65_495],
      ['PSH, ACK', 10],
    ]);
    expect(packets.map(({ length }) => length)).toStrictEqual([65_535, 65_535, 50]);
  });

  it('shows pauses as a closed window of the end that pauses', () => {
    const capture = new Capture();
    const { app, wire } = capture.connect();
    app.next({ kind: 'pause' });
    app.next({ kind: 'pause' });
    wire.emit(data('abc'), { kind: 'pause' });
    app.next({ kind: 'resume' });
    expect(capture.words).toStrictEqual([
      'out ACK 0,0 closed',
      'in PSH, ACK 0,0 abc',
      'out ACK 0,3 closed',
      'in ACK 3,0 closed',
      'out ACK 0,3',
    ]);
  });

  it('opens a closed window for a single byte, which Wireshark would take for a probe', () => {
    const capture = new Capture();
    const { app, wire } = capture.connect();
    app.next({ kind: 'pause' });
    wire.emit(data('x'));
    expect(capture.words).toStrictEqual(['out ACK 0,0 closed', 'out ACK 0,0', 'in PSH, ACK 0,0 x', 'out ACK 0,1']);
  });

  it('acknowledges no more than was written', () => {
    const capture = new Capture();
    const { app, wire } = capture.connect();
    app.next(data('abc'));
    wire.emit(sent(9), sent(1));
    expect(capture.words).toStrictEqual(['out PSH, ACK 0,0 abc', 'in ACK 0,3']);
  });

  it('stores `bytes` of each payload, and states the whole size', () => {
    const capture = new Capture({ bytes: 2 });
    const { app } = capture.connect();
    app.next(data('hello'));
    expect(capture.packets.at(-1)).toMatchObject({ payload: 'he', length: 45 });
  });

  it('passes every signal on as it is', () => {
    const driver = new Capture({ secrets: true }).dial();
    const given = [data('a'), { kind: 'pause' }, { kind: 'resume' }, { kind: 'end' }] as const;
    for (const signal of given) driver.app.next(signal);
    driver.wire.emit(...given);
    expect(given.every((signal, at) => driver.wire.down[at] === signal && driver.up[at] === signal)).toBe(true);
  });

  describe('its addresses', () => {
    it.each<[string, Endpoints | undefined, TestDialOptions, string]>([
      ['are those of IPv4', V4, {}, '198.51.100.1 50000 > 203.0.113.9 443'],
      ['are those of IPv6, without zones', V6, {}, 'fe80::1 50000 > 2001:db8::9 443'],
      [
        'are those of IPv4 if they are mapped to IPv6',
        { ...V4, localAddress: '::ffff:198.51.100.1', remoteAddress: '::ffff:203.0.113.9' },
        {},
        '198.51.100.1 50000 > 203.0.113.9 443',
      ],
      ['are placeholders if they are unknown', undefined, {}, '192.0.2.1 49153 > 192.0.2.2 80'],
      ['are placeholders for a UNIX socket', undefined, { to: { path: '/tmp/x' } }, '192.0.2.1 49153 > 192.0.2.2 49151'],
      ['have the target, if it is an address', undefined, { to: { host: '2001:db8::7', port: 22 } }, '2001:db8::1 49153 > 2001:db8::7 22'],
      ['are of the family of the peer', { ...V6, localAddress: '127.0.0.1' }, {}, '2001:db8::1 50000 > 2001:db8::9 443'],
      [
        'ignore what is no address and no port',
        { remoteAddress: 'x', remotePort: 70_000, localPort: 0 },
        {},
        '192.0.2.1 49153 > 192.0.2.2 80',
      ],
    ])('%s', (_, endpoints, options, expected) => {
      const capture = new Capture();
      capture.connect(endpoints, options);
      expect(capture.packets.slice(0, 1).map(ends)).toStrictEqual([expected]);
    });

    it('have the address that was resolved', () => {
      const capture = new Capture();
      const { wire } = capture.dial();
      wire.emit({ kind: 'resolved', host: 'a.test', ip: '2001:db8::5', family: 6 }, connected());
      expect(capture.packets.slice(0, 1).map(ends)).toStrictEqual(['2001:db8::1 49153 > 2001:db8::5 80']);
    });

    it('are placeholders while another connection has them, and its sequence numbers are other ones', () => {
      const capture = new Capture();
      const first = capture.connect(V4);
      capture.connect(V4);
      first.app.error(new Error('done'));
      capture.connect(V4);
      const syns = capture.packets.filter(({ flags }) => flags === 'SYN');
      expect(syns.map(ends)).toStrictEqual([
        '198.51.100.1 50000 > 203.0.113.9 443',
        '192.0.2.1 49154 > 192.0.2.2 49151',
        '198.51.100.1 50000 > 203.0.113.9 443',
      ]);
      expect(new Set(syns.map(({ sequence }) => sequence)).size).toBe(3);
    });
  });

  describe('its secrets', () => {
    const line = Buffer.from('CLIENT_RANDOM 00 11\n');
    const types = (capture: Capture): number[] => readBlocks(capture.file).map(({ type }) => type);

    it('precede the chunk that TLS was processing, and what TLS has answered', () => {
      const capture = new Capture({ secrets: true });
      const { keylog } = capture.plugin;
      const driver = new PluginDriver(capture.plugin, {
        dial: testDial({ to: { host: 'a.test', port: 443 } }),
        seen: (signal, { app }) => {
          if (signal.kind !== 'data') return;
          keylog(line);
          app.next(data('finished'));
        },
      });
      driver.wire.emit(connected(), data('server hello'));
      expect(types(capture)).toStrictEqual([0x0a0d0d0a, 1, 6, 6, 6, 10, 6, 6, 6]);
      expect(capture.packets.slice(3).map(({ payload }) => payload)).toStrictEqual(['server hello', '', 'finished']);
    });

    it('are ignored without the option', () => {
      const capture = new Capture();
      capture.plugin.keylog(line);
      capture.connect();
      expect(types(capture)).toStrictEqual([0x0a0d0d0a, 1, 6, 6, 6]);
      expect(Buffer.from(capture.file).includes('CLIENT_RANDOM')).toBe(false);
    });

    it('may start the file', () => {
      const capture = new Capture({ secrets: true });
      capture.plugin.keylog(line);
      expect(types(capture)).toStrictEqual([0x0a0d0d0a, 1, 10]);
      expect(Buffer.from(capture.file).includes(line)).toBe(true);
    });
  });

  describe('a sink that throws', () => {
    const breaking = (at: number): { plugin: Pcapng; calls: () => number } => {
      let calls = 0;
      const sink = (): void => {
        calls += 1;
        if (calls === at) throw new Error('disk full');
      };
      return { plugin: pcapng({ sink, secrets: true }), calls: () => calls };
    };

    spec('is reported to config.onUnhandledError once, and is not called again; the connections go on', async (h) => {
      const seen = unhandled(h);
      const { plugin, calls } = breaking(5);
      const [driver, other] = [new PluginDriver(plugin), new PluginDriver(plugin)];
      driver.wire.connect();
      for (let each = 0; each < 5; each += 1) driver.app.next(data('x'));
      driver.wire.emit(data('y'), { kind: 'end' });
      other.wire.connect();
      other.app.next(data('z'));
      plugin.keylog(Buffer.from('x'));
      await wait(1);
      expect(seen.map(String)).toStrictEqual(['Error: disk full']);
      expect([calls(), driver.state, driver.wire.down.length, inWords(driver.up).at(-1)]).toStrictEqual([5, 'open', 5, 'end']);
      expect([other.state, other.wire.down.length]).toStrictEqual(['open', 1]);
    });

    spec('is ignored if config.onUnhandledError is not set: the process goes on', async () => {
      const { plugin, calls } = breaking(1);
      const driver = new PluginDriver(plugin);
      driver.wire.connect();
      driver.app.next(data('x'));
      await wait(1);
      expect([calls(), driver.state, driver.wire.down.length]).toStrictEqual([1, 'open', 1]);
    });
  });

  it.each<[string, unknown, string]>([
    ['no sink', {}, 'expected `sink` of pcapng to be a function, got undefined'],
    ['a sink that is none', { sink: 'file' }, 'expected `sink` of pcapng to be a function, got string'],
    ['fewer than no bytes', { sink: () => {}, bytes: -1 }, 'expected `bytes` of pcapng to be 0 or more, got -1'],
    ['secrets that are none', { sink: () => {}, secrets: 'CLIENT_RANDOM' }, 'expected `secrets` of pcapng to be a boolean, got string'],
  ])('refuses %s', (_, options, message) => {
    expect(() => pcapng(options as PcapngOptions)).toThrow(new TypeError(message));
  });
});
