import { config, VirtualTimeScheduler } from 'rxjs';
import { afterEach, assert, describe, expect, it } from 'vitest';
import { cipher, framed, greeter, greeterScript } from '../plugins.ts';
import { IOStreamError } from '../../../src/errors.ts';
import { handshake } from '../../../src/layers/handshake.ts';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { chaos } from '../../../src/testing/chaos/chaos.ts';
import { marbles } from '../../../src/testing/marbles/marbles.ts';
import { parseRecording } from '../../../src/testing/recording/parse-recording.ts';
import { record, type RecordOptions } from '../../../src/testing/recording/record.ts';
import type { Recording } from '../../../src/testing/recording/recording.ts';
import { checkPlugin } from '../../../src/testing/rules/check-plugin.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Dial, Plugin } from '../../../src/wire/signal.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { data, inWords, sent } from '../../support/signal-text.ts';
import { spec } from '../../support/spec.ts';

/** The text of a recording without its header. */
const textOf = (recording: Recording): string[] => String(recording).trimEnd().split('\n').slice(1);

/** Plays a connection; returns the recordings. */
function recorded(options: Omit<RecordOptions, 'sink'>, play: (driver: PluginDriver, clock: VirtualTimeScheduler) => void): Recording[] {
  const made: Recording[] = [];
  const clock = new VirtualTimeScheduler();
  const dial: Dial = testDial({ scheduler: clock });
  play(new PluginDriver(record({ ...options, sink: (recording) => made.push(recording) }), { dial }), clock);
  return made;
}

describe('record', () => {
  const plugins: Readonly<Record<string, Plugin>> = {
    'by itself': record({ sink: () => undefined }),
    'around a passthrough': record({ sink: () => undefined, around: passthrough() }),
    'with a limit of nothing': record({ sink: () => undefined, limit: 0 }),
  };
  for (const [name, plugin] of Object.entries(plugins)) {
    spec(`record keeps all rules of a plugin ${name}`, async () => {
      (await checkPlugin(plugin, [])).assert();
    });
  }

  it('keeps all rules around a handshake, a cipher and a framing', async () => {
    const sink = (): void => undefined;
    (await checkPlugin(record({ sink, around: greeter() }), greeterScript)).assert();
    (await checkPlugin(record({ sink, around: cipher() }), cipher())).assert();
    (await checkPlugin(record({ sink, around: framed() }), framed())).assert();
  });

  it('copies the bytes, also of a Buffer', () => {
    const bytes = Buffer.from('abc');
    const [recording] = recorded({}, (driver) => {
      driver.wire.connect();
      driver.wire.emit({ kind: 'data', bytes });
      bytes.fill(0);
      driver.unsubscribe();
    });
    expect(String(recording)).toMatch(/data 61 62 63 \|abc\|/);
  });

  it('prints unusual errors and a clock that is set back so that parseRecording reads them', () => {
    const odd = Object.assign(new Error('one\u2028two'), { code: 'ERR-X Y', errno: 1.5, phase: 'some where' });
    for (const error of [odd, Object.create(null), null, 'why']) {
      const [recording] = recorded({}, (driver, clock) => {
        clock.frame = 50;
        driver.wire.connect();
        clock.frame = 20;
        driver.wire.fail(error);
        expect(driver.error).toBe(error);
      });
      const text = String(recording);
      expect(String(parseRecording(text))).toBe(text);
      expect(recording?.entries.map(({ at }) => at)).toStrictEqual([50, 50]);
    }
  });

  it('throws a TypeError for invalid options', () => {
    const sink = (): void => undefined;
    expect(() => record({} as RecordOptions)).toThrow(new TypeError('expected `sink` of record to be a function, got undefined'));
    expect(() => record({ sink, limit: -1 })).toThrow(new TypeError('expected `limit` of record to be 0 or more, got -1'));
  });

  it('records bytes, directions, times and signals', () => {
    const [recording] = recorded({}, (driver, clock) => {
      const at = (ms: number): void => void (clock.frame = ms);
      driver.app.next({ kind: 'pause' });
      driver.wire.emit({ kind: 'resolved', host: 'a.test', ip: '::1', family: 6 });
      at(1.5);
      driver.wire.emit({ kind: 'connected', details: [{ layer: 'x', answer: 'hi', handle: {} }, { wire: 'test' }] });
      driver.app.next({ kind: 'resume' });
      driver.app.next(data('JOIN\n'));
      at(20);
      driver.wire.emit(sent(5), { kind: 'pause' }, { kind: 'resume' }, data('\u0000\u00ffok'), { kind: 'end', truncated: true });
      driver.app.next({ kind: 'end' });
      driver.app.complete();
      driver.wire.complete();
    });
    assert(recording);
    expect(recording.cut).toBe(false);
    expect(textOf(recording)).toStrictEqual([
      '0 to wire: pause',
      '0 wire: resolved a.test ::1 6',
      '1.5 wire: connected [{"layer":"x","answer":"hi"},{"wire":"test"}]',
      '1.5 to wire: resume',
      '1.5 to wire: data 4a 4f 49 4e 0a |JOIN.|',
      '20 wire: sent 5',
      '20 wire: pause',
      '20 wire: resume',
      '20 wire: data 00 ff 6f 6b |..ok|',
      '20 wire: end truncated',
      '20 to wire: end',
      '20 to wire: complete',
      '20 wire: complete',
    ]);
  });

  it('records errors of both sides and unsubscription', () => {
    const [failed] = recorded({}, (driver) => driver.wire.fail(new IOStreamError('EPROXY', { phase: 'handshake', message: 'no "entry"' })));
    expect(failed && textOf(failed)).toStrictEqual(['0 wire: error EPROXY -10400 handshake "no \\"entry\\" [EPROXY]"']);
    const [reset] = recorded({}, (driver) => driver.app.error(new Error('enough')));
    expect(reset && textOf(reset)).toStrictEqual(['0 to wire: error - 0 - "enough"', '0 wire: error - 0 - "enough"']);
    const [left] = recorded({}, (driver) => driver.unsubscribe());
    expect(left && textOf(left)).toStrictEqual(['0 to wire: unsubscribed']);
  });

  it('records both sides of the plugin that it wraps, each cause before its consequences', () => {
    const knock = handshake({
      *talk(link) {
        link.send('K');
        yield* link.read(1);
      },
    });
    const [recording] = recorded({ around: knock }, (driver) => {
      driver.app.next(data('early'));
      driver.wire.connect();
      driver.wire.emit(data('Wx'));
      driver.unsubscribe();
    });
    expect(recording && textOf(recording)).toStrictEqual([
      '0 app: data 65 61 72 6c 79 |early|',
      '0 wire: connected [{"wire":"scripted"}]',
      '0 to wire: data 4b |K|',
      '0 wire: data 57 78 |Wx|',
      '0 to app: connected [{},{"wire":"scripted"}]',
      '0 to app: data 78 |x|',
      '0 to wire: data 65 61 72 6c 79 |early|',
      '0 app: unsubscribed',
      '0 to wire: unsubscribed',
    ]);
  });

  it('makes one recording per connection, when the connection has ended', () => {
    const made: Recording[] = [];
    const plugin = record({ sink: (recording) => made.push(recording) });
    const [first, second] = [new PluginDriver(plugin), new PluginDriver(plugin)];
    second.wire.emit(data('b'));
    expect(made.length).toBe(0);
    first.unsubscribe();
    expect(made.length).toBe(1);
    second.unsubscribe();
    expect(made.map(({ entries }) => inWords(entries.flatMap(({ signal }) => (signal.kind === 'data' ? [signal] : []))))).toStrictEqual([
      [],
      ['data b'],
    ]);
  });

  it('stops at its limit, sets `cut`, and still records the end', () => {
    const play = (driver: PluginDriver): void => {
      driver.wire.connect();
      for (let round = 0; round < 1000; round += 1) driver.wire.emit(data('x'), data('y'.repeat(50)));
      driver.wire.fail(new IOStreamError('ECONNRESET', { phase: 'read' }));
    };
    const [recording] = recorded({ limit: 1000 }, play);
    expect(recording?.cut).toBe(true);
    const kinds = recording?.entries.map(({ signal }) => signal.kind);
    // 64 for connected, then alternately 65 and 114: five pairs fit.
    expect(kinds).toStrictEqual(['connected', ...Array.from({ length: 10 }, () => 'data'), 'error']);
    expect(String(recording)).toMatch(/\ncut\n$/);
    expect(recorded({ limit: 1e6 }, play)[0]?.cut).toBe(false);
  });

  it('copies bytes: a buffer that changes later does not change the recording', () => {
    const bytes = Uint8Array.of(1, 2);
    const [recording] = recorded({}, (driver) => {
      driver.wire.emit({ kind: 'data', bytes });
      bytes.fill(9);
      driver.unsubscribe();
    });
    expect(recording && textOf(recording)).toStrictEqual(['0 wire: data 01 02 |..|', '0 to wire: unsubscribed']);
  });

  it('shows that chaos delays by at most `delay`', () => {
    const delays: number[] = [];
    const given: number[] = [];
    const sink = ({ entries }: Recording): void => {
      for (const { at, line } of entries) {
        if (line === 'wire') given.push(at);
        if (line === 'to app') delays.push(at - (given[delays.length] ?? NaN));
      }
    };
    marbles({ plugin: record({ sink, around: chaos({ delay: 10 }) }), diagram: 'wire: Cabcdefghij|\nto wire: -----------  30ms -' });
    assert(delays.length > 10 && delays.every((delay) => delay >= 0 && delay <= 10), String(delays));
    assert(Math.max(...delays) > 2 && new Set(delays).size > 3, String(delays));
  });

  afterEach(() => {
    config.onUnhandledError = null;
  });

  it('reports an error of the sink as unhandled, and frees the wire', async () => {
    const told = new Promise((resolve) => (config.onUnhandledError = resolve));
    const driver = new PluginDriver(
      record({
        sink: () => {
          throw new Error('disk full');
        },
      }),
    );
    driver.unsubscribe();
    expect(driver.wire.freed).toBe(true);
    expect(String(await told)).toBe('Error: disk full');
  });

  it('rethrows what the wrapped plugin throws when it is dialled', () => {
    const talk = handshake({ to: { host: 'proxy.test', port: 1 }, *talk() {} });
    expect(() => new PluginDriver(record({ around: talk, sink: () => undefined }))).toThrow(/\{fh\} already connected/);
  });
});
