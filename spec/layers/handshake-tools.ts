import { handshake, type HandshakeOptions } from '../../src/layers/handshake.ts';
import type { Link } from '../../src/protocol/link.ts';
import type { Talk } from '../../src/protocol/need.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Up } from '../../src/wire/signal.ts';
import { data } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

export const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const detailsOf = (up: readonly Up[]): readonly unknown[] =>
  up.flatMap((signal) => (signal.kind === 'connected' ? signal.details : []));
export const boom = (): never => {
  throw new Error('boom');
};

/** Sends `hello`, reads a length, that many bytes and a line, and sends `thanks` in between. */
export function* greet(link: Link): Talk<{ name: string; line: string }> {
  link.send('hello');
  const [length] = yield* link.read(1);
  const name = latin(yield* link.read(length ?? 0));
  link.send('thanks');
  const line = latin(yield* link.readUntil('\n', 16));
  return { name, line };
}
export const REPLY = '\x03bob ok\n';

export const drive = (options: Partial<HandshakeOptions> = {}, more: ConstructorParameters<typeof PluginDriver>[1] = {}): PluginDriver =>
  new PluginDriver(handshake({ talk: greet, ...options }), { dial: testDial({ layer: 'greet' }), ...more });
export const through = (options: Partial<HandshakeOptions> = {}): PluginDriver => {
  const made = drive(options);
  made.wire.connect();
  made.wire.emit(data(REPLY));
  return made;
};
