import { transform, type Transformer, type TransformOptions } from '../../src/layers/transform.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

export const of = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const boom = (): never => {
  throw new Error('boom');
};

export const twice = (): Transformer => ({ push: (bytes) => [bytes, bytes] });
export const swallow = (): Transformer => ({ push: () => [] });
export const half = (): Transformer => ({ push: (bytes) => [bytes.subarray(0, bytes.length >> 1)] });
/** Gives blocks of four, holds the rest, pads the last one. */
export const blocks = (): Transformer => {
  let rest = '';
  return {
    push: (bytes) => {
      rest += latin(bytes);
      const whole = rest.match(/.{4}/gs) ?? [];
      rest = rest.slice(whole.length * 4);
      return whole.map(of);
    },
    finish: () => (rest ? [of(rest.padEnd(4, '.'))] : []),
    held: () => rest.length,
  };
};

export const drive = (options: TransformOptions, more: ConstructorParameters<typeof PluginDriver>[1] = {}): PluginDriver => {
  const made = new PluginDriver(transform(options), more);
  made.wire.connect();
  return made;
};
