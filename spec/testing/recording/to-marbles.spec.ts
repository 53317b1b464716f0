import { asyncScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { cipher, framed, greeter, greeterScript } from '../plugins.ts';
import { handshake } from '../../../src/layers/handshake.ts';
import { passthrough } from '../../../src/plugins/passthrough.ts';
import { chaos } from '../../../src/testing/chaos/chaos.ts';
import { readDiagram } from '../../../src/testing/marbles/diagram.ts';
import { marbles } from '../../../src/testing/marbles/marbles.ts';
import { readValues } from '../../../src/testing/marbles/values.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { record } from '../../../src/testing/recording/record.ts';
import type { Recording } from '../../../src/testing/recording/recording.ts';
import { toMarbles } from '../../../src/testing/recording/to-marbles.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { Endpoint } from '../../../src/testing/rules/endpoint.ts';
import { turn, until } from '../../../src/testing/rules/event-loop.ts';
import { scriptedPeer } from '../../../src/testing/rules/scripted-peer.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Plugin } from '../../../src/wire/signal.ts';

const text = (...lines: readonly string[]): string => ['rxjs-io-stream recording 1', ...lines].join('\n');
const rows = (diagram: string): string[] => diagram.split('\n');

/** Records an exchange between an application and an echo, through a plugin and its counterpart. */
async function recorded(plugin: Plugin, peer: Plugin, { real = false, latency = 0 } = {}): Promise<Recording> {
  const made: Recording[] = [];
  const clock = real ? asyncScheduler : new Clock();
  const [a, b] = memoryPair({ latency });
  const [app, far] = [new Endpoint(), new Endpoint()];
  far.onSignal = (signal) => {
    if (signal.kind === 'data') far.write(signal.bytes);
    if (signal.kind === 'end') far.end();
  };
  app.onSignal = ({ kind }) => {
    if (kind === 'connected') app.write(Buffer.from('hello'), Buffer.from('\u00ff'));
    if (kind === 'data' && app.received === 7) app.end();
  };
  far.dial(peer(b), testDial({ scheduler: clock }));
  app.dial(record({ sink: (recording) => made.push(recording), around: plugin })(a), testDial({ scheduler: clock }));
  if (clock instanceof Clock) {
    for (let round = 0; round < 200 && !app.isClosed; round += 1) {
      await turn();
      clock.advance(1);
    }
  } else await until(() => app.isClosed, { timeout: 5000 });
  expect(app.is('complete') && app.received === 7, String(app.error)).toBe(true);
  return made[0] ?? expect.unreachable();
}

describe('toMarbles', () => {
  it('aligns the lines, and uses one letter for equal bytes', () => {
    const { diagram, values } = toMarbles(
      text(
        '1 wire: connected []',
        '1 to wire: data 4a 0a',
        '4 wire: sent 2',
        '5 wire: data 68 69',
        '9 to wire: data 4a 0a',
        '11 wire: data 00 ff',
        '40 wire: sent 1',
        '40 wire: sent 1',
        '41 wire: error ECONNRESET -104 read "x"',
      ),
    );
    expect(rows(diagram)).toStrictEqual(['to wire: -a---a------ 28ms ------', 'wire:    -C--Sb-----c 28ms (dS)#ECONNRESET']);
    expect(values).toStrictEqual({ a: 'J\n', b: 'hi', c: '0x00 ff', d: 1 });
  });

  it('prints itself as source text to paste into a test', () => {
    const drawn = toMarbles(text('0 wire: connected []', '0 to wire: data 4a 0a', '0 wire: data 01'));
    expect(String(drawn)).toBe(
      ['values: {', '  a: "J\\n",', '  b: "0x01",', '},', 'diagram: `', '  to wire: a--', '  wire:    Cb-', '`,', ''].join('\n'),
    );
    marbles({
      plugin: handshake({
        *talk(link) {
          link.send('J\n');
          yield* link.read(1);
        },
      }),
      ...drawn,
    });
  });

  it('moves an inbound signal behind an answer of the same time', () => {
    const { diagram } = toMarbles(
      text('3 wire: connected []', '3 to wire: data 61', '3 wire: data 62', '3 to wire: data 63', '3 wire: data 64'),
    );
    expect(rows(diagram)).toStrictEqual(['to wire: ---ac--', 'wire:    ---Cbd-']);
  });

  it('draws an immediate reaction with its cause, and a reaction after a timer at its time', () => {
    const lines = text('0 wire: connected []', '2 to wire: data 61', '8 to wire: data 62', '100 to wire: unsubscribed');
    expect(rows(toMarbles(lines).diagram)).toStrictEqual(['to wire: a-------b 91ms !-', 'wire:    C-------- 91ms --']);
    expect(rows(toMarbles(lines, { jitter: 0 }).diagram)).toStrictEqual(['to wire: --a-----b 91ms !-', 'wire:    C-------- 91ms --']);
  });

  it('omits the error of a wire that was reset', () => {
    const { diagram } = toMarbles(text('0 wire: connected []', '2 to wire: error - 0 - "x"', '2 wire: error - 0 - "x"'));
    expect(rows(diagram)).toStrictEqual(['to wire: #', 'wire:    C-']);
  });

  const round: Readonly<Record<string, readonly [Plugin, Plugin]>> = {
    'nothing at all': [passthrough(), passthrough()],
    'a cipher': [cipher(), cipher()],
    'a framing': [framed(), framed()],
    'a handshake': [greeter(), scriptedPeer(greeterScript)],
    'a handshake over chaos': [(wire) => greeter()(chaos({ cut: 1 })(wire)), scriptedPeer(greeterScript)],
  };
  for (const [name, [plugin, peer]] of Object.entries(round)) {
    for (const latency of [0, 13]) {
      it(`draws ${name}, recorded with a latency of ${latency} ms, so that it passes`, async () => {
        const recording = await recorded(plugin, peer, { latency });
        const drawn = toMarbles(String(recording));
        marbles({ plugin, ...drawn });
        expect(recording.entries.length).toBeGreaterThan(10);
        // The diagram can fail: without the peer's end it does.
        const other = { ...drawn, diagram: drawn.diagram.replace(/(to app:.*)E/, '$1-') };
        expect(() => marbles({ plugin, ...other })).toThrow(
          expect.objectContaining({ name: 'Error', message: expect.stringMatching(/^expected /) }),
        );
      });
    }
  }

  it('draws a recording of real time so that it passes', async () => {
    const recording = await recorded(greeter(), scriptedPeer(greeterScript), { real: true, latency: 20 });
    // On a busy machine, more than 5 ms may pass between a cause and its reaction.
    const drawn = toMarbles(recording, { jitter: 1000 });
    marbles({ plugin: greeter(), ...drawn });
  });

  it('has letters for a few thousand chunks, and throws for more', () => {
    const chunks = (count: number): string =>
      text(...Array.from({ length: count }, (_, at) => `${at} wire: data ${at.toString(16).padStart(6, '0')}`));
    const { diagram, values } = toMarbles(chunks(2000));
    const read = readDiagram(diagram, readValues(values)).get('wire');
    expect(new Set(read?.moments.map((moment) => moment.text)).size).toBe(2000);
    expect(() => toMarbles(chunks(8000))).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/no more than \d+ different chunks/) }),
    );
  });

  it('throws a TypeError if the text is not a recording', () => {
    expect(() => toMarbles('--a--')).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected line 1/) }),
    );
  });
});
