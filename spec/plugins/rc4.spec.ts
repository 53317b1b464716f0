import { describe, expect, it } from 'vitest';
import { rc4 } from '../../src/plugins/rc4.ts';
import { rc4Cipher } from '../../src/protocol/rc4.ts';
import { checkPlugin } from '../../src/testing/rules/check-plugin.ts';
import { END, PAUSE, RESUME, type Flow } from '../../src/wire/signal.ts';
import { spec } from '../support/spec.ts';
import { data, inWords, textOf } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { CONNECTIONS, connectedPair } from '../support/connected-pair.ts';

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const mixed = (key: string, text: string): string => latin(rc4Cipher(Buffer.from(key))(Buffer.from(text, 'latin1')));
const MIB = 2 ** 20;

describe('rc4', () => {
  it('keeps the rules of a plugin', async () => {
    (await checkPlugin(rc4('a passphrase'), rc4('a passphrase'))).assert();
  });

  it('mixes each direction with a key stream of its own, and passes other signals on', () => {
    const { app, wire, up } = new PluginDriver(rc4('key'));
    wire.connect();
    for (const signal of [data('hello '), PAUSE, data('there'), RESUME, END]) app.next(signal);
    wire.emit(data(mixed('key', 'hi')), PAUSE, END);
    expect(textOf(wire.down)).toBe(mixed('key', 'hello there'));
    expect(inWords(wire.down).filter((words) => !words.startsWith('data'))).toEqual(['pause', 'resume', 'end']);
    expect(inWords(up)).toEqual(['connected', 'data hi', 'pause', 'end']);
  });

  it('starts a new key stream for each connection', () => {
    const plugin = rc4('key');
    for (const { app, wire } of [new PluginDriver(plugin), new PluginDriver(plugin)]) {
      app.next(data('same'));
      expect(textOf(wire.down)).toBe(mixed('key', 'same'));
    }
  });

  it('changes neither the bytes of the application nor those of the wire', () => {
    const { app, wire } = new PluginDriver(rc4('key'));
    const given: Flow[] = [data('down'), data('up')];
    app.next(given[0]!);
    wire.emit(given[1]!);
    expect(inWords(given)).toEqual(['data down', 'data up']);
  });

  describe('its key', () => {
    it('is a string in UTF-8 or bytes, of 1 to 256 bytes', () => {
      const keyed = (key: string | Uint8Array): string => {
        const { app, wire } = new PluginDriver(rc4(key));
        app.next(data('text'));
        return textOf(wire.down);
      };
      expect(keyed('пароль 🗝')).toBe(mixed('пароль 🗝', 'text'));
      expect(keyed(Buffer.from('k'))).toBe(mixed('k', 'text'));
      expect(keyed('x'.repeat(256))).toBe(mixed('x'.repeat(256), 'text'));
    });

    it.each<[string, unknown]>([
      ['undefined', undefined],
      ['null', null],
      ['0 bytes', ''],
      ['0 bytes', new Uint8Array(0)],
      ['257 bytes', 'x'.repeat(257)],
      ['258 bytes', 'é'.repeat(129)],
      ['300 bytes', new Uint8Array(300)],
      ['number', 7],
      ['object', ['key']],
      ['object', new Uint16Array(4)],
    ])('is refused when it is %s', (got, key) => {
      const call = (): unknown => rc4(key as string);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(`expected \`passphrase\` of rc4 to be a string or a Uint8Array of 1 to 256 bytes, got ${got}`);
    });

    it('is not part of the error if it is refused', () => {
      let message = '';
      try {
        rc4('secret'.repeat(50));
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain('300 bytes');
      expect(message).not.toContain('secret');
    });

    it('is copied: changing it later changes nothing', () => {
      const key = Buffer.from('key');
      const plugin = rc4(key);
      key.fill(0);
      const { app, wire } = new PluginDriver(plugin);
      app.next(data('text'));
      expect(textOf(wire.down)).toBe(mixed('key', 'text'));
    });
  });

  spec.each(CONNECTIONS)('carries 16 MiB both ways at once on a %s, with backpressure', async (h, carrier) => {
    const { near, far } = await connectedPair(h, carrier, rc4('key'), rc4('key'));
    const chunks = Array.from({ length: 256 }, (_, at) => Buffer.alloc(64 * 1024, at));
    near.pause();
    for (const chunk of chunks) {
      near.write(chunk);
      far.write(chunk);
    }
    await far.up.value(() => far.received === 16 * MIB);
    expect(near.received < 16 * MIB, 'the paused end was given all').toBe(true);
    near.resume();
    await near.up.value(() => near.received === 16 * MIB);
    h.sameBytes(near.bytes, chunks);
    h.sameBytes(far.bytes, chunks);
    expect(chunks.map((chunk) => chunk.findIndex((byte) => byte !== chunk[0]))).toStrictEqual(chunks.map(() => -1));
    near.close();
    far.close();
    await Promise.all([near.up.ended, far.up.ended]);
  });

  spec('emits garbage of the same length, and no error, if the peer has another key', async (h) => {
    const { near, far } = await connectedPair(h, 'memory pair', rc4('key'), rc4('another'));
    near.write('hello');
    await h.until(() => far.received === 5);
    h.sameBytes(far.bytes, Buffer.from(mixed('another', mixed('key', 'hello')), 'latin1'));
    near.close();
    far.close();
    await Promise.all([near.up.ended, far.up.ended]);
  });
});
