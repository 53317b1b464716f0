import { spawnSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import { trace, type TraceOptions } from '../../src/plugins/trace.ts';
import { checkPlugin } from '../../src/testing/rules/check-plugin.ts';
import { Clock } from '../../src/testing/rules/clock.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { unhandled } from '../stream/tools.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, sent } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

/** A traced connection on a clock of its own, and its log. */
function traced(options: Partial<TraceOptions> = {}): { driver: PluginDriver; log: string[]; clock: Clock } {
  const log: string[] = [];
  const clock = new Clock();
  const plugin = trace({ sink: (entry) => log.push(entry), ...options });
  return { driver: new PluginDriver(plugin, { dial: { ...testDial({ scheduler: clock, layer: 'wire' }), id: 1 } }), log, clock };
}

/** Without number and time: what is asserted elsewhere. */
const said = (log: readonly string[]): string[] => log.map((entry) => entry.replace(/^#\d+ +\d+ ms wire /, ''));
const dumpOf = (entry = ''): string => entry.split('\n').slice(1).join('\n').replace(/^ {2}/gm, '');

describe('trace', () => {
  spec('keeps the rules of a plugin', async () => {
    (await checkPlugin(trace({ sink: () => {} }), [])).assert();
  });

  spec('keeps the rules of a plugin when its sink throws', async () => {
    const fail = (): never => {
      throw new Error('disk full');
    };
    // Without 5, which would find what the sink reports to config.onUnhandledError.
    (await checkPlugin(trace({ sink: fail }), [], { rules: [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12] })).assert();
  });

  it('writes each signal with connection, time, layer and direction', () => {
    const { driver, log, clock } = traced();
    const { app, wire } = driver;
    wire.emit({ kind: 'resolved', host: 'a.test', ip: '127.0.0.1', family: 4 });
    clock.advance(12);
    wire.emit({
      kind: 'connected',
      details: [
        { layer: 'ssl', alpn: 'h2', handle: {} },
        { wire: 'tcp', port: 7 },
      ],
    });
    clock.advance(100_000);
    app.next(data('hello\n'));
    wire.emit(sent(6), { kind: 'pause' });
    app.next({ kind: 'resume' });
    wire.emit(data('bye'), { kind: 'end', truncated: true });
    app.next({ kind: 'end' });
    app.complete();
    wire.complete();
    expect(log).toStrictEqual([
      '#1        0 ms wire ↑ resolved a.test is 127.0.0.1',
      '#1       12 ms wire ↑ connected {"layer":"ssl","alpn":"h2"} {"wire":"tcp","port":7}',
      '#1   100012 ms wire ↓ data 6 bytes\n  00000000  68 65 6c 6c 6f 0a                                 |hello.|',
      '#1   100012 ms wire ↑ sent 6',
      '#1   100012 ms wire ↑ pause',
      '#1   100012 ms wire ↓ resume',
      '#1   100012 ms wire ↑ data 3 bytes\n  00000000  62 79 65                                          |bye|',
      '#1   100012 ms wire ↑ end truncated',
      '#1   100012 ms wire ↓ end',
      '#1   100012 ms wire ↓ complete',
      '#1   100012 ms wire ↑ complete',
    ]);
  });

  it('passes every signal on as it is', () => {
    const { driver } = traced();
    const given = [data('a'), { kind: 'pause' }, { kind: 'resume' }, { kind: 'end' }] as const;
    for (const signal of given) driver.app.next(signal);
    driver.wire.emit(...given);
    expect(given.every((signal, at) => driver.wire.down[at] === signal && driver.up[at] === signal)).toBe(true);
  });

  it.each<[string, (driver: PluginDriver) => void, string[]]>([
    ['a reset', ({ app }) => app.error(new Error('enough\u001b[31m')), ['↓ error "enough\\u001b[31m"', '↑ error "enough\\u001b[31m"']],
    [
      'an error of the wire',
      ({ wire }) => wire.fail(new IOStreamError('ECONNRESET', { phase: 'read', message: 'read ECONNRESET' })),
      ['↑ error ECONNRESET "read ECONNRESET [ECONNRESET]"'],
    ],
    ['unsubscribing', (driver) => driver.unsubscribe(), ['↓ unsubscribed']],
  ])('logs how the connection ended: %s', (_, end, words) => {
    const { driver, log } = traced();
    end(driver);
    expect(said(log)).toStrictEqual(words);
  });

  it('passes on an error without text, and details that throw', () => {
    const bare: unknown = Object.create(null);
    const { driver, log } = traced();
    driver.app.error(bare);
    expect([driver.state, driver.error]).toStrictEqual(['error', bare]);
    expect(said(log)[0]).toStrictEqual('↓ error "a value without text (object)"');
    const other = traced();
    const details = {
      get fact(): string {
        throw new Error('boom');
      },
    };
    other.driver.wire.emit({ kind: 'connected', details: [details] }, data('abc'));
    expect(other.driver.state).toStrictEqual('open');
    expect(inWords(other.driver.up).at(-1)).toStrictEqual('data abc');
  });

  it('escapes the control characters of errors, names and details, those of C1 and of direction, too', () => {
    const { driver, log } = traced();
    driver.wire.emit({ kind: 'resolved', host: 'a\u009b\n', ip: '127.0.0.1', family: 4 });
    driver.wire.emit({ kind: 'connected', details: [{ layer: 'proxy', reply: '\u009b31m\u202e', boundAddress: '\u0085' }] });
    driver.wire.fail(new Error('\u001b[31m \u009b31m \u2028'));
    expect(said(log)).toStrictEqual([
      String.raw`↑ resolved a\u009b\u000a is 127.0.0.1`,
      String.raw`↑ connected {"layer":"proxy","reply":"\u009b31m\u202e","boundAddress":"\u0085"}`,
      String.raw`↑ error "\u001b[31m \u009b31m \u2028"`,
    ]);
  });

  it('writes the number of the connection that the dial carries', () => {
    const log: string[] = [];
    const plugin = trace({ sink: (entry) => log.push(entry) });
    const [first, second] = [41, 42].map((id) => new PluginDriver(plugin, { dial: { ...testDial(), id } }));
    second?.wire.connect();
    first?.wire.connect();
    expect(log.map((entry) => entry.slice(0, 3))).toStrictEqual(['#42', '#41']);
    expect(log[0] ?? '').toMatch(/ trace ↑ connected/);
  });

  it('numbers the connections of a dial without a number itself', () => {
    const log: string[] = [];
    const plugin = trace({ sink: (entry) => log.push(entry) });
    for (const driver of [new PluginDriver(plugin), new PluginDriver(plugin)]) driver.wire.connect();
    const [first = NaN, second] = log.map((entry) => Number(/^#(\d+) /.exec(entry)?.[1]));
    expect(second).toBe(first + 1);
  });

  describe('its dump', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);

    it('is that of hexdump -C', ({ skip }) => {
      const { driver, log } = traced();
      driver.app.next({ kind: 'data', bytes: all });
      const { stdout, error } = spawnSync('hexdump', ['-C', '-v'], { input: all, encoding: 'latin1' });
      if (error) skip('hexdump is not installed');
      expect(dumpOf(log[0])).toBe(stdout.split('\n').slice(0, 16).join('\n'));
    });

    it('shows a half row, and every byte once', () => {
      const { driver, log } = traced();
      driver.wire.emit({ kind: 'data', bytes: all.subarray(60, 85) });
      expect(dumpOf(log[0])).toBe(
        [
          '00000000  3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b  |<=>?@ABCDEFGHIJK|',
          '00000010  4c 4d 4e 4f 50 51 52 53  54                       |LMNOPQRST|',
        ].join('\n'),
      );
    });

    it('counts the bytes of each direction since the start', () => {
      const { driver, log } = traced();
      for (let each = 0; each < 3; each += 1) {
        driver.app.next(data('x'.repeat(1000)));
        driver.wire.emit(data('y'));
      }
      const offsets = log.map((entry) => /\n {2}(\w{8})/.exec(entry)?.[1]);
      expect(offsets).toStrictEqual(['00000000', '00000000', '000003e8', '00000001', '000007d0', '00000002']);
    });

    it('shows 256 bytes of a chunk, or `bytes`, and the number of omitted bytes', () => {
      for (const [bytes, rows, left] of [
        [256, 16, '  … 744 more bytes'],
        [17, 2, '  … 983 more bytes'],
        [0, 0, '  … 1000 more bytes'],
        [Infinity, 63, undefined],
      ] as const) {
        const { driver, log } = traced({ bytes });
        driver.app.next(data('x'.repeat(1000)));
        const lines = (log[0] ?? '').split('\n').slice(1);
        expect([lines.filter((line) => line.includes('|')).length, lines.find((line) => line.includes('…'))]).toStrictEqual([rows, left]);
      }
    });
  });

  describe('a sink that throws', () => {
    const breaking = (): { driver: PluginDriver; calls: () => number } => {
      let calls = 0;
      const sink = (): void => {
        calls += 1;
        if (calls === 2) throw new Error('disk full');
      };
      return { driver: traced({ sink }).driver, calls: () => calls };
    };

    spec('is reported to config.onUnhandledError once, and is not called again; the connection goes on', async (h) => {
      const seen = unhandled(h);
      const { driver, calls } = breaking();
      driver.wire.connect();
      for (let each = 0; each < 5; each += 1) driver.app.next(data('x'));
      driver.wire.emit(data('y'), { kind: 'end' });
      await wait(1);
      expect(seen.map(String)).toStrictEqual(['Error: disk full']);
      expect([calls(), driver.state, driver.wire.down.length, inWords(driver.up).at(-1)]).toStrictEqual([2, 'open', 5, 'end']);
    });

    spec('is ignored if config.onUnhandledError is not set: the process goes on', async () => {
      const { driver, calls } = breaking();
      driver.wire.connect();
      for (let each = 0; each < 5; each += 1) driver.app.next(data('x'));
      await wait(1);
      expect([calls(), driver.state, driver.wire.down.length]).toStrictEqual([2, 'open', 5]);
    });
  });

  it.each<[string, unknown, string]>([
    ['no sink', {}, 'expected `sink` of trace to be a function, got undefined'],
    ['a sink that is none', { sink: 'stderr' }, 'expected `sink` of trace to be a function, got string'],
    ['fewer than no bytes', { sink: () => {}, bytes: -1 }, 'expected `bytes` of trace to be 0 or more, got -1'],
    ['bytes in words', { sink: () => {}, bytes: 'all' }, 'expected `bytes` of trace to be 0 or more, got all'],
  ])('refuses %s', (_, options, message) => {
    expect(() => trace(options as TraceOptions)).toThrow(new TypeError(message));
  });
});
